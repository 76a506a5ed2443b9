"""The network of a finished cell as C that runs."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from snnbench.bench.bench import Bench
from snnbench.chips import Semantics, find_chip, on_chip
from snnbench.chips.c_source import c_files
from snnbench.chips.network import IntegerNetwork
from snnbench.errors import OptionError
from snnbench.examine.export import rebuild
from snnbench.files import write_atomically
from snnbench.reporting import Reporter, Silent


def to_c(
    path: Path, out: Path, *, chip: str | None = None, data: Path | None = None, reporter: Reporter | None = None
) -> tuple[Path, ...]:
    """Write the quantized network of a finished cell as C11 that computes a chip's whole numbers.

    ``cc -O3 -o run *.c`` in that folder builds a program that reads images, bytes (C, H, W) each, and prints for each
    one the class, the logits, and the spikes of each layer.

    Args:
        path: directory of a finished cell or of a board's entry, or its ``record.json``.
        out: the folder to write into; it is made, and must not hold other files of these names.
        chip: whose whole numbers; by default the cell's own chip, else ``int``.
        data: folder of the data sets, for quantizers that are calibrated.
        reporter: where messages and progress go; by default nowhere.

    Returns:
        The files.

    Raises:
        OptionError: if the folder cannot be written or holds one of the files, or a number does not fit.
        GraphError: if a layer cannot be folded; the message names it.
        RecordError, ProtocolError: if the network of the cell cannot be had again.
    """
    reporter = reporter or Silent()
    record, bench, model, _ = rebuild(path, data, reporter)
    own = record.cell.chip
    semantics = Semantics.model_validate(own.semantics) if own and chip is None else find_chip(chip or "int")
    put = on_chip(model, semantics, input_shape=bench.network.input_shape)
    for excess in put.excess:
        reporter.say(f"On {semantics.name}, {excess}")
    return _write(c_files(put.network, bench.network.input_shape, input_table(bench, put.network)), out)


def input_table(bench: Bench, network: IntegerNetwork) -> Tensor:
    """What each byte of a pixel enters as, int64 (C, 256)."""
    channels = bench.network.input_shape[0]
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 1, 256).expand(1, channels, 1, 256)
    return network.enter(bench.normalise(levels))[0, :, 0]


def _write(files: dict[str, str], out: Path) -> tuple[Path, ...]:
    paths = tuple(out / name for name in files)
    if there := [path.name for path in paths if path.exists()]:
        raise OptionError(f"--out '{out}' holds {', '.join(there)} already; name an empty folder")
    try:
        out.mkdir(parents=True, exist_ok=True)
        for path, text in zip(paths, files.values(), strict=True):
            write_atomically(path, [text.encode()])
    except OSError as error:
        for path in paths:  # all of them or none
            path.unlink(missing_ok=True)
        raise OptionError(f"--out '{out}' cannot be written ({error.strerror})") from error
    return paths
