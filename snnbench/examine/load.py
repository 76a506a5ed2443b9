"""Networks by name: a protocol's reference, or the quantized network of a finished cell."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from snnbench.bench.bench import open_bench
from snnbench.errors import OptionError
from snnbench.examine.export import rebuild
from snnbench.plugins import catalogue
from snnbench.quant import bake
from snnbench.reporting import Silent


def load(name: str | Path, seed: int = 0, *, data: Path | None = None) -> nn.Module:
    """A network that snnbench has measured, in evaluation mode: images (N, C, H, W) in, logits (N, classes) out.

    Images are normalised with the protocol's mean and standard deviation (`snnbench plugins show NAME` tells them).

    Args:
        name: of a protocol, for its full-precision reference; or the directory of a finished cell or of a board's
            entry (or its ``record.json``), for the quantized network, its quantizers baked into the weights. A folder
            that is called like a protocol, as a board is, does not hide it.
        seed: which of the protocol's references; a cell has its own.
        data: folder of the data sets, for cells whose quantizers are calibrated.

    Raises:
        PluginError: if there is no protocol of that name.
        OptionError: if there is no such path.
        ProtocolError: if the protocol ships no weights, or their SHA-256 is another.
        RecordError: if the cell's network cannot be built again, or is not the one that the record audits.
    """
    if Path(name).exists() and not _is_protocol(name):
        _, _, model, _ = rebuild(Path(name), data, Silent())
        bake(model)
        return model.eval()
    if (isinstance(name, Path) or "/" in name) and Path(name).suffix != ".toml":
        raise OptionError(f"'{name}' does not exist: name a protocol, a cell's directory or its record.json")
    return open_bench(str(name), seed, data=data).network.build()


def _is_protocol(name: str | Path) -> bool:
    if Path(name).suffix == ".toml":
        return True
    protocols = catalogue().protocols
    return isinstance(name, str) and (name in protocols or name.rpartition("-v")[0] in protocols)
