"""Benches of networks and protocols that are not installed: what cells and boards keep of them, written and read."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from snnbench.bench.bench import Bench, Network, open_bench
from snnbench.engine import EAGER, EngineChoice
from snnbench.errors import OptionError, RecordError
from snnbench.plugins import catalogue
from snnbench.plugins.own import is_own_model
from snnbench.protocols import Protocol, read_protocol
from snnbench.records.cell import Cell, NetworkSpec, protocol_network
from snnbench.records.layout import OWN_PROTOCOL_FILE, OWN_WEIGHTS_FILE, PROTOCOL_FILE
from snnbench.records.network_file import unpack_network


def bench_of(
    directory: Path, cell: Cell, data: Path | None, device: str = "cpu", engine: EngineChoice = "auto"
) -> Bench:
    """The bench of a finished cell, or of an entry of a board, in `directory`.

    It is that of the protocol that is installed, unless the cell or its board keeps what it was measured on.

    Raises:
        SnnbenchError: as `open_bench` and `reopened`.
    """
    if cell.network is not None or (directory / PROTOCOL_FILE).exists():
        return reopened(directory, cell, data, device, engine)
    board = directory.resolve().parent.parent / PROTOCOL_FILE
    has_baseline = board.exists() and (board.parent / read_protocol(board).baseline(cell.seed).file).exists()
    name = str(board) if has_baseline else cell.board
    bench = open_bench(name, cell.seed, data=data, limit=cell.limit, device=device, engine=engine)
    return replace(bench, folder=None) if has_baseline else bench  # other seeds' references may not be there


def own_network(bench: Bench, spec: NetworkSpec, weights: Path) -> Bench:
    """The same bench on a network of the user's own, which is then its own reference.

    An exported network is read too; what its membranes' quantizers learned is left out.

    Raises:
        OptionError: if the file of weights cannot be read, or has NaN.
    """
    try:
        network = _with_weights(bench, spec, weights.read_bytes())
    except (OSError, RecordError) as error:
        advice = "write it with safetensors.torch.save_model(network, 'weights.safetensors')"
        raise OptionError(f"--weights '{weights}' cannot be read: {error}; {advice}") from error
    for name, tensor in network.weights.items():
        if tensor.isnan().any():
            raise OptionError(f"--weights '{weights}' has NaN in {name!r}; its neurons would pass for dead ones")
    return replace(bench, network=network, own_network=True, folder=None, document=b"")


def own_files(bench: Bench) -> dict[str, bytes]:
    """What a cell of the user's own network or protocol keeps, so that `reopened` builds it again."""
    if bench.own_network:
        document = bench.protocol.model_dump_json(exclude_defaults=True).encode()
        return {OWN_WEIGHTS_FILE: bench.network.file, OWN_PROTOCOL_FILE: document}
    return {OWN_WEIGHTS_FILE: bench.network.file, PROTOCOL_FILE: bench.document} if bench.document else {}


def reopened(directory: Path, cell: Cell, data: Path | None, device: str, engine: EngineChoice) -> Bench:
    """The bench of a finished cell of the user's own network or protocol, from what the cell keeps.

    Raises:
        RecordError: if it does not keep it (older ones do not), or it is altered.
        PluginError: if the network's code is gone.
    """
    own = cell.network is not None
    file = directory / (OWN_PROTOCOL_FILE if own else PROTOCOL_FILE)
    try:
        content, document = (directory / OWN_WEIGHTS_FILE).read_bytes(), file.read_bytes()
        protocol = Protocol.model_validate_json(document) if own else read_protocol(file)
    except (OSError, ValidationError) as error:
        raise RecordError(f"'{directory}' does not keep its network and protocol ({error}); run it again") from error
    if hashlib.sha256(content).hexdigest() != cell.weights or protocol.fingerprint != cell.fingerprint:
        raise RecordError(f"'{directory}' is altered: its network or protocol is not that of its cell")
    dataset = catalogue().datasets[protocol.data.name].value
    spec = cell.network or protocol_network(protocol)
    empty = Network(spec, {}, "", dataset.input_shape, dataset.num_classes)
    chosen: EngineChoice = EAGER.name if is_own_model(spec.model) else engine
    kept = b"" if own else document
    bench = Bench(protocol, dataset, data, empty, own, cell.limit, device, chosen, document=kept)
    return replace(bench, network=_with_weights(bench, spec, content))


def _with_weights(bench: Bench, spec: NetworkSpec, content: bytes) -> Network:
    tensors = {name: value for name, value in unpack_network(content).items() if ".state_quantizer." not in name}
    shape, classes = bench.dataset.input_shape, bench.dataset.num_classes
    return Network(spec, tensors, hashlib.sha256(content).hexdigest(), shape, classes, content)
