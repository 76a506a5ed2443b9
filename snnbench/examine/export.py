"""Exporting the quantized network of a finished cell: whole numbers, what they stand for, and a description."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from torch import nn

from snnbench.bench.bench import Bench
from snnbench.bench.provenance import check_installed
from snnbench.bench.quantized import make_quantized
from snnbench.bench.reopening import bench_of
from snnbench.errors import OptionError, RecordError
from snnbench.examine.description import describe
from snnbench.examine.rebuild import recount, trained_network
from snnbench.files import write_atomically
from snnbench.records.layout import WEIGHTS_FILE, finished_cell
from snnbench.records.network_file import is_packed, pack_network, unpack_network
from snnbench.records.record import Record, read_record
from snnbench.reporting import Reporter, Silent

_SUFFIX = ".safetensors"


def export(path: Path, out: Path, *, data: Path | None = None, reporter: Reporter | None = None) -> tuple[Path, Path]:
    """Write the quantized network of a finished cell as safetensors, and its description as JSON beside it.

    Post-training weights are quantized again from the protocol's baseline; fine-tuned ones lie beside the record.

    Args:
        path: directory of a finished cell or of a board's entry, or its ``record.json``.
        out: the file to write; it ends in ``.safetensors``.
        data: folder of the data sets, for quantizers that are calibrated.
        reporter: where messages and progress go; by default nowhere.

    Returns:
        Both files.

    Raises:
        OptionError: if `out` has another suffix or cannot be written.
        RecordError: if the cell cannot be exported; the message says why.
        ProtocolError: if another version of the protocol or of the quantizer is installed.
    """
    if out.suffix != _SUFFIX:
        raise OptionError(f"--out '{out}' does not end in {_SUFFIX}")
    record, bench, model, content = rebuild(path, data, reporter or Silent())
    return _write(out, content, describe(record, bench, model, content))


def rebuild(path: Path, data: Path | None, reporter: Reporter) -> tuple[Record, Bench, nn.Module, bytes]:
    """The record of a finished cell, its bench, and its quantized network, also as a file's content.

    Raises:
        RecordError: if the network cannot be had again; the message says why.
        ProtocolError: if another version of the protocol or of the quantizer is installed.
    """
    directory = finished_cell(path)
    record = read_record(directory)
    bench = bench_of(directory, record.cell, data)
    check_installed(bench, record.cell)
    model, content = _network(bench, record, directory, reporter)
    for problem in recount(record.audit, unpack_network(content)):
        raise RecordError(f"'{record.cell.folder}' cannot be built again: {problem}")
    return record, bench, model, content


def _network(bench: Bench, record: Record, directory: Path, reporter: Reporter) -> tuple[nn.Module, bytes]:
    if record.cell.mode == "ptq":
        model = make_quantized(bench, record.cell, reporter).model
        return model, pack_network(model)
    content = _trained(directory / WEIGHTS_FILE)
    return trained_network(bench, record.cell, unpack_network(content)), content


def _trained(file: Path) -> bytes:
    try:
        content = file.read_bytes()
        unpack_network(content)
    except OSError as error:
        raise RecordError(f"weights '{file}' cannot be read ({error.strerror}); measure again with --force") from error
    except RecordError as error:
        raise RecordError(f"weights '{file}' cannot be read: {error}; measure again with --force") from error
    if not is_packed(content):
        raise RecordError(f"weights '{file}' are of an older snnbench; measure the cell again with --force")
    return content


def _write(out: Path, content: bytes, description: dict[str, object]) -> tuple[Path, Path]:
    sidecar = out.with_suffix(".json")
    description = {"file": out.name, "sha256": hashlib.sha256(content).hexdigest(), **description}
    try:
        write_atomically(out, [content])
        write_atomically(sidecar, [(json.dumps(description, indent=1) + "\n").encode()])
    except OSError as error:
        raise OptionError(f"--out '{out}' cannot be written ({error.strerror})") from error
    return out, sidecar
