"""What an exported network is, in JSON: its layers, neurons and inputs, for whoever runs it without snnbench."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from snnbench.bench.bench import Bench
from snnbench.nn.libraries import step_mode
from snnbench.nn.synapses import matrices
from snnbench.quant.coding import FORMULAS
from snnbench.records.cell import MembraneSpec
from snnbench.records.network_file import parts_of
from snnbench.records.record import Record, WeightRow

SCHEMA_VERSION = 1


def describe(record: Record, bench: Bench, model: nn.Module, content: bytes) -> dict[str, Any]:
    """The description of the network `content`, which is that of `record`."""
    cell, data = record.cell, bench.protocol.data
    parts, paths = parts_of(content), {name: matrix.path for name, matrix in matrices(model).items()}
    return {
        "schema_version": SCHEMA_VERSION,
        "protocol": {"name": cell.protocol, "version": cell.protocol_version, "fingerprint": cell.fingerprint},
        "cell": cell.folder,
        "mode": cell.mode,
        "seed": cell.seed,
        "model": {
            **bench.network.spec.model_dump(mode="json"),
            "input_shape": list(bench.network.input_shape),
            "classes": bench.network.num_classes,
        },
        "input": {"mean": list(data.mean), "std": list(data.std), "unit": "(pixel / 255 - mean) / std"},
        "quantizer": cell.quantizer.model_dump(mode="json"),
        "layers": [_layer(row, paths[row.layer], parts.get(paths[row.layer], {})) for row in record.audit.weights],
        "full_precision": list(record.audit.full_precision),
        "neurons": [
            _neuron(name, module, cell.membrane) for name, module in model.named_modules() if step_mode(module)
        ],
    }


def _layer(row: WeightRow, path: str, parts: dict[str, Tensor]) -> dict[str, Any]:
    return {
        "layer": row.layer,
        "bits": row.declared_bits,
        "levels": row.levels,
        "tensors": {part: f"{path}/{part}" for part in sorted(parts)} or path,
        "value": FORMULAS.get(frozenset(parts), "as stored"),
    }


def _neuron(name: str, module: nn.Module, membrane: MembraneSpec | None) -> dict[str, Any]:
    kinds = (bool, int, float, str)
    constants = {key: value for key, value in vars(module).items() if isinstance(value, kinds) and key[0] != "_"}
    return {
        "layer": name,
        "neuron": type(module).__name__,
        **{key: value for key, value in constants.items() if key not in ("training", "site")},
        "membrane": membrane.model_dump(mode="json") if membrane else None,
    }
