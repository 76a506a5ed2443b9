"""Whether what is installed is what a cell was measured with: protocol and baseline, data, quantizers."""

from __future__ import annotations

from snnbench.bench.bench import Bench
from snnbench.data import Dataset
from snnbench.errors import ProtocolError
from snnbench.records.cell import Cell, quantizer_spec


def has_data(dataset: Dataset, cell: Cell) -> bool:
    """Whether `dataset` is what the cell was measured on."""
    return dict(dataset.fingerprints) == dict(cell.data)


def check_reference(bench: Bench, cell: Cell) -> None:
    """Refuse a bench whose protocol or baseline is another than the cell was measured with.

    Raises:
        ProtocolError: saying which version to install.
    """
    if (bench.protocol.fingerprint, bench.network.sha256) != (cell.fingerprint, cell.weights):
        raise ProtocolError(
            f"installed is {bench.protocol.name}-v{bench.protocol.version}, and the cell is of {cell.board},"
            " with another document or baseline: install the snnbench that has it"
        )


def check_installed(bench: Bench, cell: Cell) -> None:
    """The same, and refuse to build the network of `cell` with another quantizer than it was measured with.

    Raises:
        ProtocolError: saying which version to install.
    """
    check_reference(bench, cell)
    for spec in filter(None, (cell.quantizer, cell.membrane)):
        installed = quantizer_spec(spec.name, spec.bits, spec.options)
        if (installed.distribution, installed.version) != (spec.distribution, spec.version):
            raise ProtocolError(
                f"quantizer '{spec.name}' is of {spec.distribution} {spec.version}; "
                f"installed is {installed.distribution} {installed.version}: install that version"
            )
