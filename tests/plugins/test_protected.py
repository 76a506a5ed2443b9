"""What plugins may not touch is compared with what it was, and put back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

import snnbench.bench.metrics as metrics
import snnbench.bench.score as score
from snnbench.bench.plugin_errors import blamed
from snnbench.errors import PluginError
from snnbench.plugins.loading import load
from snnbench.plugins.protected import protected_state, put_back
from snnbench.plugins.source import PluginSource


@pytest.fixture(autouse=True)
def kept() -> Iterator[None]:
    state = protected_state()
    yield
    put_back(state)


def replace_a_function() -> None:
    score.layer_rows = lambda *words: ()


def replace_a_method() -> None:
    nn.Linear.forward = lambda self, x: x


def replace_an_operation() -> None:
    nn.functional.conv2d = nn.functional.linear


def replace_a_metric() -> None:
    metrics.METRICS["accuracy"] = None


def hook_every_module() -> None:
    torch.nn.modules.module.register_module_forward_hook(lambda *words: None)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (replace_a_function, "snnbench.bench.score.layer_rows"),
        (replace_a_method, "torch.nn.modules.linear.Linear.forward"),
        (replace_an_operation, "torch.nn.functional.conv2d"),
        (replace_a_metric, "snnbench.bench.metrics.METRICS"),
        (hook_every_module, "torch.nn.modules.module._global_forward_hooks"),
    ],
)
def test_a_change_is_named_and_put_back(change: Callable[[], None], name: str) -> None:
    before = protected_state()
    assert put_back(before) == []
    change()
    assert name in put_back(before)
    assert put_back(before) == []


def test_code_that_was_rewritten_in_place_is_named() -> None:
    before, code = protected_state(), score.floor_of.__code__
    score.floor_of.__code__ = (lambda profile: None).__code__
    try:
        assert "snnbench.bench.score.floor_of" in put_back(before)
    finally:
        score.floor_of.__code__ = code


def test_a_run_in_which_a_plugin_patches_snnbench_has_no_record() -> None:
    source = PluginSource("patching", "1.0", "patching", "patching")
    torch.manual_seed(0)
    with (
        pytest.raises(PluginError, match=r"patching 1\.0 changes snnbench\.bench\.score\.layer_rows"),
        blamed([source], 0),
    ):
        replace_a_function()


def test_a_plugin_that_patches_when_it_loads_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "import snnbench\nimport snnbench.bench.score as score\nscore.layer_rows = None\n"
        "@snnbench.hookimpl\ndef snnbench_quantizers():\n    return {}\n"
    )
    (tmp_path / "patching_at_import.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    plugin = load(PluginSource("patching", "1.0", "patching", "patching_at_import"))
    assert plugin.hooks is None
    assert "changes snnbench.bench.score.layer_rows when it loads" in plugin.faults[-1].error
    assert score.layer_rows is not None
