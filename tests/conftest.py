"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import settings

pytest_plugins = [f"fixtures.{name}" for name in ("boards", "caches", "datasets", "protocols", "rows", "sweeps")]

Install = Callable[..., Path]

SLOW_MINUTES = 90
"""What the slow tier may take; no test fails when it takes longer."""

# How long an example takes says more of the machine than of the code. On CI the examples are the same at each run.
settings.register_profile("snnbench", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("snnbench")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """As many workers as the container may keep busy: ``-n auto`` would count the cores of the machine."""
    from snnbench.sweeps.executors.choose import cores

    return cores()


def pytest_report_header(config: pytest.Config) -> str | None:
    return f"slow tier: its budget is {SLOW_MINUTES} minutes on two cores" if _is_slow(config) else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What each file of the slow tier took, and all of them of the budget."""
    if not _is_slow(config):
        return
    minutes: Counter[str] = Counter()
    for report in (each for reports in terminalreporter.stats.values() for each in reports):
        if isinstance(report, pytest.TestReport):
            minutes[report.location[0]] += report.duration / 60  # type: ignore[assignment]
    terminalreporter.section("slow tier")
    for file, taken in minutes.most_common():
        terminalreporter.write_line(f"{taken:6.1f} min  {file}")
    terminalreporter.write_line(f"{minutes.total():6.1f} min of a budget of {SLOW_MINUTES}")


def _is_slow(config: pytest.Config) -> bool:
    return bool(config.option.markexpr == "slow")


@pytest.fixture(scope="session")
def cifar_root() -> Path:
    """The folder that holds CIFAR-10 and CIFAR-100, from ``SNNBENCH_DATA``; without it, the test is skipped."""
    root = os.environ.get("SNNBENCH_DATA")
    if not root:
        pytest.skip("SNNBENCH_DATA does not name a folder with CIFAR-10 and CIFAR-100")
    return Path(root)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """``install(name, source)`` puts a distribution on the path whose one module is its one entry point.

    It is asked what it offers in this process, not in one of its own, which takes seconds.
    """
    from snnbench.plugins import apart, installed, loading, offers

    modules = set(sys.modules)
    monkeypatch.setattr(apart, "ask_apart", lambda sources: map(offers.ask, map(loading.load, sources)))
    monkeypatch.setattr(installed, "remember", lambda source, listing: None)

    def install(
        name: str, source: str, *, version: str = "1.0", entry: str | None = None, metadata: bool = True
    ) -> Path:
        module = name.replace("-", "_")
        site = tmp_path / name
        info = site / f"{module}-{version}.dist-info"
        info.mkdir(parents=True)
        (site / f"{module}.py").write_text(dedent(source), "utf-8")
        (info / "entry_points.txt").write_text(f"[snnbench]\n{entry or name} = {module}\n", "utf-8")
        if metadata:
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", "utf-8")
        monkeypatch.syspath_prepend(site)
        return site

    yield install
    for module in set(sys.modules) - modules:
        if str(getattr(sys.modules[module], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[module]
