"""`snnbench compare`: is one network better than another?"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from snnbench.bench.metric import Metric
from snnbench.bench.metrics import ACCURACY, FIRING_EMD, METRICS
from snnbench.cli.parameters import DataRoot, Json

if TYPE_CHECKING:
    from snnbench.examine.compare import Comparison, ComparisonVerdict
    from snnbench.functional import Estimate
    from snnbench.records.record import Record


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="A finished cell, a results folder or a board.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="What is compared with it.")],
    data: DataRoot = None,
    as_json: Json = False,
) -> int:
    """Compare B with A, and say which is better.

    Exit code 0: B is better, 1: worse, 3: cannot tell, 4: not comparable.
    """
    from snnbench.examine.compare import compare as run
    from snnbench.examine.compare import overall, why_not

    found = run(first, second, data)
    if as_json:
        why = {} if found else {"reason": why_not(first, second)}
        document = {"verdict": _name(overall(found)), **why, "cells": [_document(comparison) for comparison in found]}
        typer.echo(json.dumps(document, indent=1))
        return overall(found).value
    for comparison in found:
        typer.echo("\n".join(_lines(comparison)))
    verdict = overall(found)
    if not found:
        typer.echo(f"Not comparable: '{first}' and '{second}': {why_not(first, second)}")
    elif len(found) > 1:
        typer.echo(f"{len(found)} cells compared; B over all: {_name(verdict)}")
    return verdict.value


def _name(verdict: ComparisonVerdict) -> str:
    return verdict.name.lower().replace("_", " ")


def _document(comparison: Comparison) -> dict[str, object]:
    return {
        "a": comparison.first.cell.folder,
        "b": comparison.second.cell.folder,
        "accuracy_change": asdict(comparison.accuracy),
        "mcnemar": asdict(comparison.mcnemar),
        f"{FIRING_EMD.name}_change": asdict(comparison.emd),
        "other_changes": {name: asdict(change) for name, change in comparison.others.items()},
        "p_fires_like_reference": [_alike(comparison.first), _alike(comparison.second)],
        "verdict": _name(comparison.verdict),
    }


def _alike(record: Record) -> float | None:
    """p-value of the paired null; None in records from before it was measured."""
    return record.paired_null.p_value if record.paired_null else None


def _lines(comparison: Comparison) -> list[str]:
    accuracy, emd, test = comparison.accuracy, comparison.emd, comparison.mcnemar
    tested = f"McNemar p = {test.p_value:.3g} ({test.gained} gained, {test.lost} lost)"
    return [
        f"A {comparison.first.cell.folder}",
        f"B {comparison.second.cell.folder}",
        f"  accuracy {_change(ACCURACY, accuracy)}, {tested}",
        f"  {FIRING_EMD.title} {_change(FIRING_EMD, emd)}",
        *(f"  {METRICS[name].title} {_change(METRICS[name], change)}" for name, change in comparison.others.items()),
        f"  fires like the reference: A {_p_value(comparison.first)}, B {_p_value(comparison.second)}",
        *_on_chip(comparison),
        f"  B: {comparison.words}",
    ]


def _on_chip(comparison: Comparison) -> list[str]:
    """That chips are left out, where a cell names one."""
    chips = {record.cell.chip.name for record in (comparison.first, comparison.second) if record.cell.chip}
    return [f"  all with float states: what {' and '.join(sorted(chips))} changes is not compared"] if chips else []


def _p_value(record: Record) -> str:
    p_value = _alike(record)
    return "not tested" if p_value is None else f"p = {p_value:.3f}"


def _change(metric: Metric, change: Estimate) -> str:
    value, low, high = (metric.difference(each) for each in (change.value, change.low, change.high))
    unit = "points" if metric.unit == "%" else metric.unit
    return f"{value} [{low}, {high}] {unit}".rstrip()
