"""Broken distributions, built and installed by pip side by side: each has one report, and everything else goes on."""

from __future__ import annotations

import json

import pytest

GOOD = """
    from torch import nn
    from snnbench import hookimpl

    def copy(tensor, *, bits: int = 32):
        "A copy."
        return nn.Identity()

    @hookimpl
    def snnbench_quantizers():
        return {"NAME": copy}
"""
BROKEN = {
    "snnbench-import-error": ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    "snnbench-wrong-type": (
        GOOD.replace('{"NAME": copy}', "[copy]"),
        "snnbench_quantizers() returned list, not a dict",
    ),
    "snnbench-misspelt": (
        GOOD.replace("snnbench_quantizers", "snnbench_quantisers"),
        "unknown hook 'snnbench_quantisers'; did you mean 'quantizers'?",
    ),
    "snnbench-newer": (GOOD.replace("snnbench_quantizers", "snnbench_encoders"), "unknown hook 'snnbench_encoders'"),
    "snnbench-newer-argument": (GOOD.replace("snnbench_quantizers()", "snnbench_quantizers(device)"), "{'device'}"),
    "snnbench-duplicate": (GOOD.replace("NAME", "lqnet"), "and by snnbench-duplicate 1.0"),
    "snnbench-rude": (
        GOOD.replace("NAME", "rude")
        + "\n    import torch; torch.manual_seed(1); torch.set_default_dtype(torch.float64)",
        "changes torch's random state, torch's default dtype when it loads; it was put back",
    ),
}


@pytest.mark.slow
def test_each_has_one_report_that_names_it_and_the_rest_goes_on(installed, tmp_path):
    sources = {name: source for name, (source, _) in BROKEN.items()} | {"snnbench-good": GOOD.replace("NAME", "good")}
    snnbench = installed(sources)
    rows = json.loads(snnbench("plugins", "list", "--json").stdout)
    for name, (_, message) in BROKEN.items():
        (report,) = [row for row in rows if row["distribution"] == name and "error" in row]
        assert message in report["error"]
    usable = {row["name"] for row in rows if row["status"] == "ok"}
    assert {"good", "rude", "float", "uniform", "lqnet", "sew_resnet8", "digits", "digits-sew8"} <= usable
    run = ["run", "-q", "good", "-p", "digits-sew8", "--limit", 40, "--json", "--out", tmp_path / "out"]
    (record,) = json.loads(snnbench(*run).stdout)
    assert record["cell"]["quantizer"]["distribution"] == "snnbench-good"
