"""Plugins that do wrong in the middle of a run: one report names the distribution, and the next run goes on."""

from __future__ import annotations

import sys

import pytest
import torch

from snnbench.bench.run import run
from snnbench.errors import PluginError
from snnbench.plugins import catalogue

PLUGIN = """
    import torch
    from torch import nn
    from snnbench import hookimpl

    class Bad(nn.Module):
        def __init__(self, tensor, place):
            super().__init__()
            self.place = place
            self.act("made")

        def act(self, place):
            if self.place == place:
                {act}

        def calibrate(self, inputs):
            self.act("calibrated")

        def forward(self, x):
            self.act("forward")
            return x

    def bad(tensor, *, bits: int = 32, place: str = ""):
        "Does wrong."
        return Bad(tensor, place)

    @hookimpl
    def snnbench_quantizers():
        return {{"bad": bad}}
"""
ACTS = {
    "raises": (
        "raise ZeroDivisionError('by zero\\nand more')",
        r"failed in the middle of the run: ZeroDivisionError: by zero$",
    ),
    "dtype": ("torch.set_default_dtype(torch.float64)", "changes torch's default dtype in the middle of the run$"),
    "random seed": ("torch.manual_seed(7)", "changes torch's random seed in the middle of the run$"),
    "random numbers": ("torch.rand(3)", None),
    "random seed of its own": ("with torch.random.fork_rng(devices=[]): torch.manual_seed(7)", None),
}


@pytest.fixture
def measure(install, small_protocol, tmp_path, shared_cache):
    def measure(quantizer, **arguments):
        catalogue.cache_clear()
        (finished,) = run(quantizer, protocol=small_protocol, limit=40, out=tmp_path / "out", force=True, **arguments)
        return finished.record

    yield measure
    catalogue.cache_clear()


@pytest.fixture(scope="module")
def before(small_protocol, session_cache, tmp_path_factory):
    """What is measured where no plugin is installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SNNBENCH_CACHE", str(session_cache))
        (finished,) = run("uniform", protocol=small_protocol, limit=40, out=tmp_path_factory.mktemp("before"))
    return finished.record.metrics


@pytest.mark.parametrize("place", ["made", "calibrated", "forward"])
@pytest.mark.parametrize("act", ACTS)
def test_a_plugin_is_blamed_by_name_and_the_next_run_is_not_changed(install, measure, before, act, place):
    code, message = ACTS[act]
    install("snnbench-bad", PLUGIN.format(act=code))
    if message is None:
        measure("bad", options={"place": place})
    else:
        with pytest.raises(PluginError, match=f"^snnbench-bad 1.0 {message}") as caught:
            measure("bad", options={"place": place})
        assert "\n" not in str(caught.value)
    assert torch.get_default_dtype() == torch.float32
    assert measure("uniform").metrics == before


def test_an_error_of_the_harness_is_not_put_down_to_a_plugin(install, measure, monkeypatch):
    install("snnbench-bad", PLUGIN.format(act="pass"))
    monkeypatch.setattr(sys.modules["snnbench.bench.run"], "scores", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        measure("bad")
