"""`snnbench compare`: is one network better than another?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from snnbench.cli.parameters import DataRoot

if TYPE_CHECKING:
    from snnbench.leaderboard.comparison import Comparison


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="A finished cell, a results folder or a board.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="What is compared with it.")],
    data: DataRoot = None,
) -> int:
    """Compare B with A, and say which is better.

    Exit code 0: B is better, 1: worse, 3: cannot tell, 4: not comparable.
    """
    from snnbench.leaderboard.comparison import compare as run
    from snnbench.leaderboard.comparison import overall

    found = run(first, second, data)
    for comparison in found:
        typer.echo("\n".join(_lines(comparison)))
    verdict = overall(found)
    if not found:
        typer.echo(f"Not comparable: '{first}' and '{second}' hold no two measured cells of one protocol and reference")
    elif len(found) > 1:
        typer.echo(f"{len(found)} cells compared; B is {verdict.name.lower().replace('_', ' ')} over all")
    return verdict.value


def _lines(comparison: Comparison) -> list[str]:
    accuracy, emd, test = comparison.accuracy, comparison.emd, comparison.mcnemar
    change = f"{100 * accuracy.value:+.2f} points [{100 * accuracy.low:+.2f}, {100 * accuracy.high:+.2f}]"
    tested = f"McNemar p = {test.p_value:.3g} ({test.gained} gained, {test.lost} lost)"
    return [
        f"A {comparison.first.cell.folder}",
        f"B {comparison.second.cell.folder}",
        f"  accuracy {change}, {tested}",
        f"  firing EMD {emd.value:+.4f} [{emd.low:+.4f}, {emd.high:+.4f}] spikes per step",
        f"  B: {comparison.words}",
    ]
