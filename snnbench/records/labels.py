"""What a row is called: its quantizer, with the options that tell it from others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from snnbench.records.cell import Cell, QuantizerSpec

Options = Mapping[str, object]
NONE: Options = {}


def label(cell: Cell, shared: Options = NONE) -> str:
    """The quantizer with its options but those in `shared`, and the membrane's if there is one."""
    weights = " ".join([cell.quantizer.name, *_options(cell.quantizer, shared)])
    if cell.membrane is None:
        return weights
    words = [cell.membrane.name, f"{cell.membrane.bits} bits", *_options(cell.membrane), f"site={cell.membrane.site}"]
    return f"{weights} + membrane {' '.join(words)}"


def shared_options(cells: Iterable[Cell]) -> dict[str, Options]:
    """For each quantizer of the weights, the options that all its cells have, with the same value in all."""
    shared: dict[str, Options] = {}
    for cell in cells:
        own = cell.quantizer.options
        known = shared.get(cell.quantizer.name, own)
        shared[cell.quantizer.name] = {key: value for key, value in known.items() if own.get(key) == value}
    return shared


def shared_text(cells: Iterable[Cell]) -> str:
    """Those options in words, empty if there are none."""
    found = sorted(shared_options(cells).items())
    return "; ".join(f"{name} {' '.join(_pairs(options))}" for name, options in found if options)


def _options(spec: QuantizerSpec, shared: Options = NONE) -> list[str]:
    return _pairs({key: value for key, value in spec.options.items() if key not in shared})


def _pairs(options: Options) -> list[str]:
    return [f"{key}={value}" for key, value in options.items()]
