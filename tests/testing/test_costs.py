"""Each check of a cost, tested by a cost that fails just that check; those of the docs and of snnbench pass all."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from oracles.checked import SOURCE, failures

from snnbench.functional.energy import Work
from snnbench.plugins import PluginEntry
from snnbench.testing import check, check_entry

CALLS = count()


def undocumented(work: Work) -> float:
    return 1.0


def infinite(work: Work) -> float:
    """Divides by the spikes."""
    return sum(1 / load.spikes if load.spikes else math.inf for load in work.neurons.values())


def needs_neurons(work: Work) -> float:
    """Of the first layer of neurons."""
    return next(iter(work.neurons.values())).spikes


def forgetful(work: Work) -> float:
    """Another at each call."""
    return float(next(CALLS))


def greedy(work: Work) -> float:
    """Takes the neurons with it."""
    work.neurons.clear()
    return 1.0


def failed(cost: Callable[[Work], float]) -> dict[str, str]:
    return failures(check_entry(PluginEntry("costs", "mine", cost, SOURCE)))


@pytest.mark.parametrize(
    ("cost", "name", "message"),
    [
        (undocumented, "documented", "no docstring"),
        (infinite, "number", "gave inf"),
        (needs_neurons, "number", "cost 'mine' failed: StopIteration"),
        (forgetful, "repeatable", "and then"),
        (greedy, "repeatable", "changes the work"),
    ],
)
def test_a_check_finds_its_fault(cost: Callable[[Work], float], name: str, message: str) -> None:
    assert message in failed(cost)[name]


def test_lemaire_passes() -> None:
    (report,) = check("lemaire")
    assert [outcome.status for outcome in report.outcomes] == ["passed"] * 3


def test_the_cost_of_the_docs_passes() -> None:
    page = Path(__file__).parents[2] / "docs" / "write-a-plugin.md"
    if not page.exists():
        pytest.skip("not a checkout: there are no docs")
    (code,) = re.findall(r"<!-- cost -->\n```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    space: dict[str, Callable[..., float]] = {"__name__": "docs"}
    exec(code, space)
    assert failed(space["router"]) == {}
