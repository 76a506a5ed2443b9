"""The words for a cell, wherever it is told of: short in tables and pictures, long by itself, and as a command.

Imports nothing heavy, so that results list fast.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snnbench.records.cell import Cell, QuantizerSpec

Options = Mapping[str, object]
LeftOut = Mapping[str, Options]
"""Options that go without saying at some value, by the name of the quantizer, or ``membrane NAME``."""

_NONE: LeftOut = {}


def pairs(options: Options, left_out: Options = _NONE) -> list[str]:
    """``key=value`` of each option whose value is not that in `left_out`."""
    return [f"{key}={value}" for key, value in options.items() if key not in left_out or left_out[key] != value]


def short(cell: Cell, left_out: LeftOut = _NONE) -> str:
    """The quantizer with its options, the membrane's with its bits and site, and the chip: ``lqnet clip=narrow``."""
    weights, membrane = cell.quantizer, cell.membrane
    words = [weights.name, *pairs(weights.options, left_out.get(weights.name, _NONE))]
    if membrane is not None:
        options = pairs(_all_options(membrane), left_out.get(f"membrane {membrane.name}", _NONE))
        words += ["+ membrane", membrane.name, f"{membrane.bits} bits", *options]
    if cell.chip:
        words += ["on", cell.chip.name]
    return " ".join(words)


def long(cell: Cell) -> str:
    """All that tells a row of a board from its others: `short`, bits, mode and seed."""
    return f"{short(cell)}, {cell.quantizer.bits} bits, {cell.mode}, seed {cell.seed}"


def apart(cells: Sequence[Cell]) -> list[str]:
    """What pictures call each of some cells: `short` without the options that they share, bits, and where that is the
    same for several, the mode and seed in which these differ."""
    shared = shared_options(cells)
    names = [f"{short(cell, shared)}, {cell.quantizer.bits} bits" for cell in cells]
    return [
        ", ".join([name, *_own(cell, [other for other, its in zip(cells, names, strict=True) if its == name])])
        for name, cell in zip(names, cells, strict=True)
    ]


def shared_options(cells: Iterable[Cell]) -> LeftOut:
    """For each quantizer of weights or membranes, the options that all its cells have at the same value."""
    shared: dict[str, Options] = {}
    for cell in cells:
        specs: dict[str, Options] = {cell.quantizer.name: cell.quantizer.options}
        if cell.membrane:
            specs[f"membrane {cell.membrane.name}"] = _all_options(cell.membrane)
        for name, own in specs.items():
            known = shared.get(name, own)
            shared[name] = {key: value for key, value in known.items() if own.get(key) == value}
    return shared


def shared_text(cells: Iterable[Cell]) -> str:
    """Those options in words, empty if there are none."""
    found = sorted(shared_options(cells).items())
    return "; ".join(f"{name} {' '.join(pairs(options))}" for name, options in found if options)


def command(cell: Cell) -> str:
    """What to type to measure the cell."""
    words = ["snnbench", "run", "--quantizer", cell.quantizer.name, "--bits", str(cell.quantizer.bits)]
    words += ["--mode", cell.mode, *_flags("--option", cell.quantizer.options)]
    if cell.membrane:
        words += ["--membrane", cell.membrane.name, "--membrane-bits", str(cell.membrane.bits)]
        words += _flags("--membrane-option", _all_options(cell.membrane))
    words += ["--chip", cell.chip.name] if cell.chip else []
    words += ["--protocol", cell.board, "--seed", str(cell.seed)]
    return shlex.join([*words, *(["--device", cell.device] if cell.device != "cpu" else [])])


def _all_options(spec: QuantizerSpec) -> Options:
    """Its options, and where it acts if it is of membranes."""
    site = getattr(spec, "site", None)
    return {**spec.options, "site": site} if site else spec.options


def _flags(flag: str, options: Options) -> Iterator[str]:
    for key, value in options.items():
        if value is not None:  # None cannot be typed: it is what an option has that is left out
            yield from (flag, f"{key}={value}")


def _own(cell: Cell, namesakes: Sequence[Cell]) -> list[str]:
    mine, others = _beside(cell), [_beside(other) for other in namesakes]
    return [text for index, text in enumerate(mine) if any(other[index] != text for other in others)]


def _beside(cell: Cell) -> tuple[str, ...]:
    return cell.mode, f"seed {cell.seed}"
