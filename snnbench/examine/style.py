"""How pictures look: colours that the colour-blind tell apart, marks and dashes that survive a print without colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from typing import Any

import matplotlib as mpl

REFERENCE: dict[str, Any] = {"color": "black", "linestyle": (0, (4, 2)), "linewidth": 1.1, "zorder": 3}
FLOOR: dict[str, Any] = {"color": "0.4", "linewidth": 1, "linestyle": (0, (1, 2))}

# Okabe and Ito's palette (jfly.uni-koeln.de/color), without black and yellow.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
_DASHES: tuple[Any, ...] = ("-", (0, (5, 1)), (0, (1, 1)), (0, (3, 1, 1, 1)), (0, (6, 1, 1, 1, 1, 1)))
_SETTINGS: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 8.5,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "0.9",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "snnbench",
    "savefig.facecolor": "white",
}


def styles(count: int) -> list[dict[str, Any]]:
    """Colour, marker and dashes of each of `count` series; no two of the first ninety are alike in all three."""
    parts = zip(cycle(_COLORS), cycle(_MARKERS), cycle(_DASHES))
    return [
        {"color": color, "marker": marker, "linestyle": dashes, "linewidth": 1.3, "markersize": 4.5}
        for color, marker, dashes in islice(parts, count)
    ]


def method_styles(methods: Sequence[tuple[str, object]]) -> list[dict[str, Any]]:
    """The same for series of a method and a number, such as quantizer and bits: colour and dashes tell the method, the
    marker the number; series that agree in both have the next marker that is free."""
    names, numbers = (list(dict.fromkeys(part)) for part in zip(*methods, strict=True))
    taken: set[tuple[str, int]] = set()
    found = []
    for name, number in methods:
        color, dashes = _COLORS[names.index(name) % len(_COLORS)], names.index(name) % len(_DASHES)
        place = numbers.index(number) % len(_MARKERS)
        markers = [*_MARKERS[place:], *_MARKERS[:place]]
        marker = next((each for each in markers if (each, dashes) not in taken), markers[0])
        taken.add((marker, dashes))
        style = {"color": color, "marker": marker, "linestyle": _DASHES[dashes], "linewidth": 1.3, "markersize": 4.5}
        found.append(style)
    return found


@contextmanager
def in_style() -> Iterator[None]:
    """Draw with the project's settings; the caller's are back afterwards."""
    with mpl.rc_context(_SETTINGS):
        yield
