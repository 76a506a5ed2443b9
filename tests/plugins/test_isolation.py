"""What a plugin changes for everybody when it loads is put back, and said."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from snnbench.plugins.isolation import isolated
from snnbench.plugins.source import PluginFault, PluginSource

PLUGIN = PluginSource("plugin", "a-distribution", "1", "module")


def state() -> tuple[Any, ...]:
    return (
        *(torch.get_default_device(), torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()),
        *(torch.are_deterministic_algorithms_enabled(), torch.get_float32_matmul_precision(), Path.cwd()),
        *(torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()),  # noqa: NPY002
    )


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = state()
    yield
    assert state() == before


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda: torch.set_default_device("meta"), "torch's default device"),
        (lambda: torch.set_num_threads(torch.get_num_threads() + 1), "torch's number of threads"),
        (lambda: torch.use_deterministic_algorithms(True), "torch's deterministic mode"),
        (lambda: torch.set_float32_matmul_precision("medium"), "torch's precision of products"),
        (lambda: torch.set_default_dtype(torch.float64), "torch's default dtype"),
        (lambda: torch.set_grad_enabled(False), "torch's gradient mode"),
        (lambda: torch.manual_seed(1234), "torch's random state"),
        (lambda: random.seed(1234), "Python's random state"),
        (lambda: os.chdir("/"), "the working folder"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_it_is_put_back_and_said(change: Callable[[], object], what: str) -> None:
    faults: list[PluginFault] = []
    with isolated(PLUGIN, faults):
        change()
    assert [fault.error for fault in faults] == [f"changes {what} when it loads; it was put back"]
    assert not faults[0].fatal


def test_several_changes_are_one_fault() -> None:
    faults: list[PluginFault] = []
    with isolated(PLUGIN, faults):
        torch.set_default_device("meta")
        torch.manual_seed(1)
        os.chdir("/")
    assert len(faults) == 1
    assert "the working folder, torch's default device, torch's random state" in faults[0].error


def test_nothing_changed_is_no_fault() -> None:
    faults: list[PluginFault] = []
    with isolated(PLUGIN, faults):
        torch.zeros(2)
    assert not faults


def test_a_plugin_that_is_the_first_to_import_torch_changes_nothing_either() -> None:
    script = (
        "from snnbench.plugins.isolation import isolated\n"
        "import sys\nassert 'torch' not in sys.modules\nfaults = []\n"
        "with isolated(None, faults):\n    import torch\n    torch.set_default_device('meta')\n"
        "    torch.set_default_dtype(torch.float64)\n"
        "assert (torch.get_default_device().type, torch.get_default_dtype()) == ('cpu', torch.float32)\n"
        "assert len(faults) == 1, faults\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, timeout=120)
