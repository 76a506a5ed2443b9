"""What a board's protocol, data and network are, as far as they are installed here."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from torch import nn

from snnbench.bench.provenance import has_data
from snnbench.errors import SnnbenchError
from snnbench.leaderboard.board import Board, Entry
from snnbench.nn.synapses import weight_layers
from snnbench.plugins import catalogue
from snnbench.protocols import Protocol, read_protocol
from snnbench.protocols.released import RELEASED
from snnbench.quant.apply import default_exempt
from snnbench.quant.packing import NUMBER_BITS
from snnbench.quant.reach import reached_layers
from snnbench.records.record import Audit


def protocol_problems(board: Board) -> Iterator[str]:
    """Whether the board's document is another one than that which was released, or is installed, under its name."""
    known = RELEASED.get(board.name) or _installed_fingerprint(board.protocol)
    if known is not None and known != board.protocol.fingerprint:
        own = board.protocol.fingerprint
        yield f"its protocol.toml is not {board.name}: its fingerprint is {own[:12]}, not {known[:12]}"


def data_problems(board: Board, entry: Entry) -> Iterator[str]:
    """Whether the entry's data are not those of the protocol's data set."""
    shelf = catalogue().datasets
    name = board.protocol.data.name
    if name in shelf and not has_data(shelf[name].value, entry.record.cell):
        yield f"its data are not data set '{name}': their fingerprints differ"


def network_problems(board: Board, entry: Entry) -> Iterator[str]:
    """Whether the rows of the audit are not the layers of the protocol's network."""
    model, audit = _network(board.protocol), entry.record.audit
    if model is None or audit.findings:
        return
    layers = weight_layers(model)
    exempt = _default_exempt(model) if board.protocol.quantize.exempt is None else board.protocol.quantize.exempt
    chosen = [name for name in layers if name not in exempt]
    if [row.layer for row in audit.weights] != chosen and sorted(row.layer for row in audit.weights) != sorted(chosen):
        yield "the rows of its audit are not the layers that its protocol quantizes"
        return
    if sorted(audit.full_precision) != sorted(_others(model, exempt)):
        yield "the layers that its audit says are in full precision are not those that its protocol exempts"
    for row in audit.weights:
        size = layers[row.layer].weight.numel()  # type: ignore[operator]
        if row.weights != size:
            yield f"layer {row.layer} has {size} weights, not {row.weights}"
    yield from _size_problems(model, audit)
    yield from _reached_problems(model, board, entry)


def _others(model: nn.Module, exempt: tuple[str, ...]) -> list[str]:
    weights = {f"{name}.weight" for name in weight_layers(model)}
    return [*exempt, *(name for name, value in model.state_dict().items() if value.ndim > 1 and name not in weights)]


def _size_problems(model: nn.Module, audit: Audit) -> Iterator[str]:
    floats = sum(value.numel() for value in model.state_dict().values() if value.is_floating_point())
    floats -= sum(row.weights for row in audit.weights)
    if audit.float_bits != NUMBER_BITS * floats:
        yield f"its network has {floats} other parameters, and the audit says {audit.float_bits} bits of them"


def _reached_problems(model: nn.Module, board: Board, entry: Entry) -> Iterator[str]:
    said, audit = entry.record.reached, entry.record.audit
    if said is None:
        return
    shape = catalogue().datasets[board.protocol.data.name].value.input_shape
    behind = _reached_layers(model, tuple(row.layer for row in audit.weights), shape)
    expected = {*behind, *(row.layer for row in audit.membranes)}
    if set(said.layers) != expected:
        differing = ", ".join(sorted(expected ^ set(said.layers)))
        yield f"the layers that quantization reaches are others than the record says: {differing}"


def _installed_fingerprint(protocol: Protocol) -> str | None:
    shelf = catalogue().protocols
    if protocol.name not in shelf:
        return None
    installed = read_protocol(shelf[protocol.name].value)
    return installed.fingerprint if installed.version == protocol.version else None


def _network(protocol: Protocol) -> nn.Module | None:
    """The protocol's network with fresh weights; None where its model or data set is not installed."""
    if protocol.model.name not in catalogue().models or protocol.data.name not in catalogue().datasets:
        return None
    return _built(protocol.model_dump_json(exclude_defaults=True))


# A board has one network: what takes a forward of it is found once.
_default_exempt = lru_cache(maxsize=4)(default_exempt)
_reached_layers = lru_cache(maxsize=64)(reached_layers)


@lru_cache(maxsize=4)
def _built(document: str) -> nn.Module | None:
    from snnbench.training.baseline import build_model

    protocol = Protocol.model_validate_json(document)
    try:
        return build_model(protocol, catalogue().datasets[protocol.data.name].value)
    except SnnbenchError:
        return None
