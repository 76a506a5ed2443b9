"""All benchmarks end in one table, printed after the measurements.

A benchmark that has a target puts four entries into ``benchmark.extra_info``::

    benchmark.extra_info.update(
        work="firing_emd, 1,000,000 neurons",  # what is measured
        peer="POT wasserstein_1d",  # against what, in the same run
        ratio=peer_seconds / seconds,  # the measured number
        target=">= 100",  # ">= x" or "<= x"; a missed target is shown and fails nothing
    )

One without a target is a row with its name and seconds. Further entries (a peer's seconds, differences) go to the JSON
only. That the answers agree is asserted, since a fast wrong answer is no measurement. One benchmark makes one row:
parametrize over peers.
"""

from __future__ import annotations

import operator
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

COMPARE = {">=": operator.ge, "<=": operator.le}


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(config: pytest.Config) -> None:
    measured = config._benchmarksession.benchmarks
    if measured:
        table = Table("work", "peer", "seconds", "ratio", "target", "met?")
        for row in measured:
            table.add_row(*_cells(row.name, row.stats.min, row.extra_info))
        Console(highlight=False).print(table)


def _cells(name: str, seconds: float, info: dict[str, Any]) -> tuple[str, ...]:
    if "target" not in info:
        return name, "", f"{seconds:.3g}", "", "", ""
    verdict = "yes" if met(info["ratio"], info["target"]) else "[bold red]no"
    return info["work"], info["peer"], f"{seconds:.3g}", f"{info['ratio']:.4g}", info["target"], verdict


def met(ratio: float, target: str) -> bool:
    """Whether `ratio` keeps a target such as ``>= 2.5``."""
    sign, limit = target.split()
    return bool(COMPARE[sign](ratio, float(limit)))
