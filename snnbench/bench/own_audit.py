"""What a network of one's own quantizes itself: the weights that it multiplies with, the potentials that it keeps."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from snnbench.bench.auditing import weight_row
from snnbench.bench.bench import Bench
from snnbench.functional.profile import FiringProfile
from snnbench.nn.walk import evaluating
from snnbench.quant import Watch
from snnbench.quant.audit import audit_undeclared, is_used, used_weights
from snnbench.quant.packing import NUMBER_BITS
from snnbench.quant.potentials import PotentialRange, bits_of
from snnbench.quant.products import ProductWeights
from snnbench.quant.watch import Visited
from snnbench.records.record import Audit, MembraneRow, WeightRow

_SAMPLES = 100


def with_own(audit: Audit, bench: Bench, model: nn.Module, watch: Watch, profile: FiringProfile) -> Audit:
    """The audit with what `model`, a network of one's own, quantizes itself, as it shows on the first test images.

    A layer that the quantizer ``float`` is on, which leaves weights as they are, counts as one without a quantizer.
    """
    used, visited = _run(bench, model)
    plain = [row.layer for row in audit.weights if row.declared_bits == NUMBER_BITS]
    weights = used_weights(model, [*audit.full_precision, *plain], used)
    found = {name: undeclared for name, each in weights.items() if (undeclared := audit_undeclared(each))}
    own = tuple(weight_row(name, each, NUMBER_BITS) for name, each in found.items())
    kept = tuple(row for row in audit.weights if row.layer not in found)
    membranes = tuple(_membrane_rows(audit, visited, profile))
    return audit.model_copy(
        update={
            "weights": kept,
            "own_weights": own,
            "own_membranes": membranes,
            "full_precision": tuple(name for name in (*audit.full_precision, *plain) if name not in found),
            "found_bits": max((row.found_bits for row in (*kept, *own)), default=NUMBER_BITS),
            "packed_bits": sum(row.packed_bits for row in (*kept, *own)),
            "float_bits": audit.float_bits
            - NUMBER_BITS * sum(row.weights for row in own if row.layer in audit.full_precision),
            "float_share": _float_share(audit, weights, found),
            "findings": (*audit.findings, *_contradictions(watch, used, plain)),
            "warnings": (*audit.warnings, *_told(own, membranes)),
        }
    )


def _float_share(audit: Audit, weights: Mapping[str, Tensor], found: Collection[str]) -> float:
    quantized = sum(row.weights for row in audit.weights if row.layer not in weights)
    left = sum(weight.numel() for name, weight in weights.items() if name not in found)
    return left / (quantized + sum(weight.numel() for weight in weights.values()))


@torch.no_grad()
def _run(bench: Bench, model: nn.Module) -> tuple[Mapping[str, Tensor], Mapping[str, Visited]]:
    images, _ = bench.test_set()
    device = next(model.parameters()).device
    batch = bench.normalise(torch.from_numpy(np.array(images[:_SAMPLES])).to(device))
    with evaluating(model), PotentialRange(model) as potentials, ProductWeights(model) as products:
        model(batch)
    return products.weights, potentials.visited()


def _membrane_rows(audit: Audit, visited: Mapping[str, Visited], profile: FiringProfile) -> Iterator[MembraneRow]:
    watched = {row.layer for row in audit.membranes}
    for name, levels in visited.items():
        if name in profile.layers and name not in watched and (bits := bits_of(levels)) < NUMBER_BITS:
            yield MembraneRow(
                layer=name,
                levels=len(levels.levels),
                found_bits=bits,
                declared_bits=NUMBER_BITS,
                saturated=levels.at_ends,
                state_bits=bits * profile.layers[name].neurons,
                stalled_below=None,
            )


def _contradictions(watch: Watch, used: Mapping[str, Tensor], plain: Collection[str]) -> Iterator[str]:
    for name, weight in watch.weights.items():
        if name not in plain and is_used(name, weight, used) and not torch.equal(used[name].to(weight), weight):
            yield f"layer {name} makes other weights of those that were quantized, and multiplies with them"


def _told(weights: tuple[WeightRow, ...], membranes: tuple[MembraneRow, ...]) -> Iterator[str]:
    for what, rows in (("weights", weights), ("membranes", membranes)):
        if rows:
            bits = ", ".join(f"{row.layer} {row.found_bits}" for row in rows)
            yield f"{what} that no quantizer of the run is on, in so many bits: {bits}"
