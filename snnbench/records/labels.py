"""What a row is called: its quantizer, with the options that tell it from others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from snnbench.records.cell import Cell, QuantizerSpec

Options = Mapping[str, object]
NONE: Options = {}


def label(cell: Cell, shared: Options = NONE) -> str:
    """The quantizer with its options but those in `shared`, the membrane's if there is one, and the chip."""
    text = " ".join([cell.quantizer.name, *_options(cell.quantizer, shared)])
    if spec := cell.membrane:
        words = [spec.name, f"{spec.bits} bits", *_options(spec), f"site={spec.site}"]
        text = f"{text} + membrane {' '.join(words)}"
    return f"{text} on {cell.chip.name}" if cell.chip else text


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
