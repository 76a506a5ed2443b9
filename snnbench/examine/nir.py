"""A network, or the quantized network of a finished cell, as a NIR file."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from snnbench.errors import OptionError, did_you_mean
from snnbench.examine.description import describe
from snnbench.examine.export import rebuild
from snnbench.exchange import DIALECTS, DT, DialectName, GraphNetwork, Plan, write_dialect, write_network
from snnbench.exchange.conversion import convert
from snnbench.exchange.qonnx import write_qonnx
from snnbench.exchange.weights import Declared
from snnbench.files import write_atomically
from snnbench.nn.walk import timesteps_of, unwrapped
from snnbench.records.network_file import parts_of
from snnbench.reporting import Reporter, Silent

_ORIGIN = ("protocol", "cell", "mode", "seed", "model", "input", "quantizer")


def to_nir(
    network: nn.Module | Path | str,
    file: Path | str,
    *,
    dt: float = DT,
    input_shape: tuple[int, ...] | None = None,
    timesteps: int | None = None,
    fold: bool = False,
    dialect: DialectName | None = None,
    data: Path | None = None,
    reporter: Reporter | None = None,
) -> tuple[Path, ...]:
    """Write a network as a NIR file, and what NIR has no fields for as JSON inside and beside it.

    `from_nir` reads it back, spike for spike. With a `dialect`, the reader of that library makes the same network of
    the file; there is no sidecar then, and what the library cannot hold is refused.

    Args:
        network: a SEW-ResNet or spiking VGG, a chain of layers, what `torch.fx` can follow, or a network whose forward
            loops over its steps (it is run on random samples then), with neurons of snnbench or those of SpikingJelly,
            snnTorch, Norse and sinabs that NIR knows; or the directory of a finished cell or of a board's entry.
        file: the file to write; the JSON document has its name, and ends in ``.json``.
        dt: length of a step, in the unit that time constants are to have (seconds, by custom).
        input_shape: shape of one image; needed for a module.
        timesteps: T; by default the module's attribute of that name, or what its forward runs.
        fold: fold batch norms into their convolutions, for readers that know no Scale. It changes the rounding of
            sums, and with it some spikes.
        dialect: the library whose reader is to understand the file; batch norms are folded then.
        data: folder of the data sets, for cells whose quantizers are calibrated.
        reporter: where messages and progress go; by default nowhere.

    Returns:
        The files written.

    Raises:
        GraphError: if the network does what a graph of NIR cannot say; the message names the layer.
        OptionError: if the shape or the number of steps is missing.
        RecordError, ProtocolError: if the network of the cell cannot be had again.
    """
    if isinstance(network, nn.Module):
        model = unwrapped(network)
        plan = Plan(_input_shape(model, input_shape), _timesteps(model, timesteps), dt, fold)
    else:
        model, plan = _of_record(Path(network), dt, fold, data, reporter or Silent())
    if dialect is None:
        return write_network(model, Path(file), plan)
    if dialect not in DIALECTS:
        raise OptionError(f"dialect={dialect!r} is not one of {', '.join(DIALECTS)}{did_you_mean(dialect, DIALECTS)}")
    return (write_dialect(model, Path(file), plan, dialect),)


def to_qonnx(
    record: Path, file: Path, *, data: Path | None = None, reporter: Reporter | None = None
) -> tuple[Path, ...]:
    """Write one time step of a finished cell's network as a QONNX graph; see `write_qonnx`.

    Raises:
        GraphError: if the network does what the graph cannot say; the message names the layer.
        RecordError, ProtocolError: if the network of the cell cannot be had again.
    """
    model, plan = _of_record(record, DT, False, data, reporter or Silent())
    content = write_qonnx(*convert(model, plan))
    try:
        write_atomically(file, [content])
    except OSError as error:
        raise OptionError(f"--out '{file}' cannot be written ({error.strerror})") from error
    return (file,)


def _of_record(path: Path, dt: float, fold: bool, data: Path | None, reporter: Reporter) -> tuple[nn.Module, Plan]:
    record, bench, model, content = rebuild(path, data, reporter)
    parts = parts_of(content)
    rows = record.audit.weights
    declared = {r.layer: Declared(r.declared_bits, parts.get(f"{r.layer}.weight", {}).get("basis")) for r in rows}
    described = describe(record, bench, model, content)
    origin = {name: described[name] for name in _ORIGIN}
    steps = _timesteps(model, bench.network.spec.options.get("timesteps"))
    return model, Plan(bench.network.input_shape, steps, dt, fold, declared, origin)


def _input_shape(model: nn.Module, given: tuple[int, ...] | None) -> tuple[int, ...]:
    if given is not None:
        return given
    if isinstance(model, GraphNetwork):
        return model.input_shape
    raise OptionError("input_shape is needed: the shape of one image, such as (3, 32, 32)")


def _timesteps(model: nn.Module, given: int | None) -> int | None:
    steps = given if given is not None else timesteps_of(model)
    if steps is not None and steps < 1:
        raise OptionError(f"timesteps={steps} is not a number of steps; give timesteps=T")
    return steps
