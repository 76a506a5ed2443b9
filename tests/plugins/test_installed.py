"""Of the installed plugins, only those that are named are imported."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence

import pytest

from snnbench.bench.bench import open_bench
from snnbench.errors import PluginError
from snnbench.plugins import Catalogue, apart, catalogue
from snnbench.plugins.offers import Offer, Offers
from snnbench.plugins.source import PluginFault, PluginSource
from snnbench.records.cell import quantizer_spec
from snnbench.training.baseline import protocol_path

GOOD = """
    from snnbench import hookimpl

    def halve(tensor, *, bits: int = 16):
        "Half of everything."

    @hookimpl
    def snnbench_quantizers():
        return {"halve": halve}
"""
Asker = Callable[[Sequence[PluginSource]], Iterator[Offers]]


def offering(**names: str) -> Asker:
    """Asks without importing: a quantizer for each module."""
    return lambda sources: ({"quantizers": Offer((names[source.module],), ())} for source in sources)


def nobody(sources: Sequence[PluginSource]) -> Iterator[Offers]:
    pytest.fail(f"{sources} were asked")


def imported() -> set[str]:
    return {name for name in sys.modules if name in ("snnbench_one", "snnbench_two")}


@pytest.fixture
def two(install: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    install("snnbench-one", GOOD)
    install("snnbench-two", "raise SystemExit('imported')")
    monkeypatch.setattr(apart, "ask_apart", offering(snnbench_one="halve", snnbench_two="third"))
    return Catalogue()


def test_looking_a_name_up_imports_its_plugin_and_no_other(two: Catalogue) -> None:
    assert {"float", "halve", "third"} <= set(two.quantizers)
    assert not two.faults
    assert imported() == set()
    assert two.quantizers["halve"].value.__name__ == "halve"
    assert imported() == {"snnbench_one"}


def test_a_plugin_that_fails_only_where_it_is_used_is_named(two: Catalogue) -> None:
    with pytest.raises(
        PluginError, match=r"^quantizer 'third' of snnbench-two 1\.0 cannot be used: SystemExit: imported$"
    ):
        two.quantizers["third"]


def test_a_name_that_is_remembered_and_no_longer_offered(two: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "ask_apart", offering(snnbench_one="quarter", snnbench_two="third"))
    with pytest.raises(PluginError, match=r"'quarter' of snnbench-one 1\.0 cannot be used: it offers it no longer"):
        two.quantizers["quarter"]


def test_an_unknown_name_is_asked_for_again(install: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> None:
    source = PluginSource("snnbench-one", "1.0", "snnbench-one", "snnbench_one")
    old = {"quantizers": Offer((), (PluginFault(source, "ImportError: gone"),))}
    install("snnbench-one", GOOD)
    monkeypatch.setattr("snnbench.plugins.installed.remembered", lambda source: old)
    found = Catalogue()
    assert "halve" not in found.quantizers
    assert found.quantizers["halve"].source == source
    assert not found.faults


def test_a_run_of_the_projects_own_parts_asks_nobody(
    install: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    install("snnbench-two", "raise SystemExit('imported')")
    monkeypatch.setattr(apart, "ask_apart", nobody)
    catalogue.cache_clear()
    try:
        assert [protocol_path(f"cifar10-sew8{version}").is_file() for version in ("", "-v3", "-v4")] == [True] * 3
        assert quantizer_spec("uniform", 4, {}).distribution == "snnbench"
        open_bench("digits-sew8", 0).network.build()
    finally:
        catalogue.cache_clear()
    assert imported() == set()


def test_a_plugin_without_faults_is_not_asked_again(two: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "halve" in two.quantizers
    known = two._installed._listings
    monkeypatch.setattr("snnbench.plugins.installed.remembered", lambda source: known[source])
    monkeypatch.setattr(apart, "ask_apart", nobody)
    again = Catalogue()
    again.ask_again()
    assert {"halve", "third"} <= set(again.quantizers)
