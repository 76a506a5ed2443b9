"""`snnbench behaviour`: a quantized network and its reference side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from snnbench.cli.parameters import DataRoot

if TYPE_CHECKING:
    from rich.table import Table

    from snnbench.examine.behaviour import Behaviour

_COLUMNS = (
    "layer",
    "rate",
    "ref.\nrate",
    "EMD",
    "null",
    "p",
    "drift",
    "differ\n%",
    "dead\n%",
    "newly\ndead",
    "re-\nvived",
)


def behaviour(
    record: Annotated[Path, typer.Argument(metavar="RECORD", help="Folder of a finished cell or of a board's entry.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data: DataRoot = None,
) -> None:
    """Run a quantized network and its reference side by side.

    On the first 500 test images: spikes that differ, decisions that change, and the first layer that can be told from
    the reference's by the paired null (95 % of random swaps have an EMD below "null"; p is corrected for the layers).
    """
    import json as text
    from dataclasses import asdict

    from rich.console import Console

    from snnbench.cli.reporting import ConsoleReporter
    from snnbench.cli.tables import fitted
    from snnbench.examine.behaviour import behaviour as measure

    found = measure(record, data=data, reporter=ConsoleReporter())
    if json:
        typer.echo(text.dumps(asdict(found), indent=1))
        return
    console = Console(highlight=False)
    console.print(fitted(_table(found), console.width, _COLUMNS.index("p") + 1))
    for line in _outcomes(found):
        typer.echo(line)


def _table(found: Behaviour) -> Table:
    from rich import box
    from rich.table import Table

    title = f"{found.cell}\nside by side with its reference, first {found.images} test images"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0)
    name, *numbers = _COLUMNS
    table.add_column(name, overflow="fold")
    for number in numbers:
        table.add_column(number, justify="right", no_wrap=True)
    for row in found.layers:
        rates = [f"{value:.4f}" for value in (row.rate, row.reference_rate, row.emd, row.null_emd)]
        shares = (found.mismatch[row.layer], row.dead, row.newly_dead, row.revived)
        mark = " <" if row.layer == found.first_diverging else ""
        name = row.layer.removeprefix("blocks.").removesuffix(".neuron")
        table.add_row(
            name + mark, *rates, f"{row.p_value:.3f}", f"{row.drift:.4f}", *(f"{100 * share:.2f}" for share in shares)
        )
    return table


def _outcomes(found: Behaviour) -> list[str]:
    of = found.outcomes
    first = "No layer can be told from the reference's"
    if found.first_diverging:
        first = f"{found.first_diverging} (marked <) is the first layer that can be told from the reference's"
    bounds = f"proven: {of['profile_emd_low']:.4f} to {of['profile_emd_high']:.4f}"
    kl = ", ".join(f"{name} {of[f'kl_{key}']:.3g}" for name, key in _DIVERGENCES)
    differ, fired = _percent(of["spike_mismatch"]), _percent(of["spike_mismatch_fired"])
    flips, negative = _percent(of["flips"]), _percent(of["negative_flips"])
    decisions = f"{flips} flip between right and wrong, {negative} from right to wrong"
    return [
        f"Spikes that differ: {differ} of all places, {fired} of those where either network fires.",
        f"{first}.",
        f"EMD of rate profiles over time: {of['profile_emd']:.4f} ({bounds}).",
        f"Decisions: {_percent(of['disagreement'])} differ, {decisions}.",
        f"KL divergence of the outputs, nats: {kl}.",
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


_DIVERGENCES = (("mean", "mean"), ("median", "median"), ("99th percentile", "p99"), ("largest", "max"))
