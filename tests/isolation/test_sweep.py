"""Installed plugins that do wrong in the middle of a sweep: their cells fail, each with one report that names them."""

from __future__ import annotations

import json

import pytest

PLUGIN = """
    import sys
    import torch
    from torch import nn
    from snnbench import hookimpl

    class Bad(nn.Module):
        def calibrate(self, inputs):
            if "{place}" == "calibrate":
                {act}

        def forward(self, x):
            if "{place}" == "forward":
                {act}
            return x

    def bad(tensor, *, bits: int = 32):
        "Does wrong."
        if "{place}" == "factory":
            {act}
        return Bad()

    @hookimpl
    def snnbench_quantizers():
        return {{"{name}": bad}}
"""
MIDDLE = "in the middle of the run"
RAISED = f"failed {MIDDLE}: ZeroDivisionError: by zero"
WRONG = {
    "bad-factory": ("factory", "raise ZeroDivisionError('by zero')", RAISED),
    "bad-calibration": ("calibrate", "raise ZeroDivisionError('by zero')", RAISED),
    "bad-forward": ("forward", "raise ZeroDivisionError('by zero')", RAISED),
    "bad-exit": ("forward", "sys.exit('enough')", f"failed {MIDDLE}: SystemExit: enough"),
    "bad-dtype": ("calibrate", "torch.set_default_dtype(torch.float64)", f"changes torch's default dtype {MIDDLE}"),
    "bad-seed": ("forward", "torch.manual_seed(1)", f"changes torch's random seed {MIDDLE}"),
}


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["in-process", "local:2"])
def test_each_fails_by_name_and_all_other_cells_are_measured(installed, tmp_path, executor):
    sources = {
        f"snnbench-{name}": PLUGIN.format(name=name, place=place, act=act) for name, (place, act, _) in WRONG.items()
    }
    snnbench = installed(sources)
    sweep = ["sweep", "-q", ",".join([*WRONG, "float"]), "-p", "digits-sew8", "--executor", executor]
    ended = snnbench(*sweep, "--out", tmp_path / "out")
    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    rows = {row["quantizer"]: row for row in json.loads(snnbench("results", "list", tmp_path / "out", "--json").stdout)}
    float_ = rows.pop("float")
    assert (float_["status"], float_["accuracy_change"]) == ("finished", 0)
    assert {row["status"] for row in rows.values()} == {"failed"}
    expected = {name: f"PluginError: snnbench-{name} 1.0 {message}" for name, (_, _, message) in WRONG.items()}
    assert {name: row["reason"] for name, row in rows.items()} == expected
