"""A run imports the plugins that it names, whatever else is installed."""

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
NOTED = """
    import os
    from pathlib import Path
    with Path(r"NOTES").open("a") as file:
        file.write("imported\\n")
"""
PATCHING = """
    import snnbench.functional, snnbench.bench.score, torch
    snnbench.bench.score.layer_rows = lambda *words: ()
    snnbench.functional.firing_emd = lambda *words: torch.tensor(0.0)
    torch.nn.functional.conv2d = lambda *words, **more: 1 / 0
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_patches_when_imported_reaches_no_other_plugins_row(installed, tmp_path):
    notes = tmp_path / "notes"
    noted = NOTED.replace("NOTES", str(notes))
    sources = {
        "snnbench-good": GOOD.replace("NAME", "good"),
        "snnbench-patching": GOOD.replace("NAME", "patched") + noted + PATCHING,
    }
    snnbench = installed(sources)

    def record(name: str, *words: object) -> dict[str, object]:
        told = snnbench(
            "run", "-q", name, "-p", "digits-sew8", "--limit", 40, "--json", "--out", tmp_path / "o", *words
        )
        assert told.returncode == 0, told.stderr
        (found,) = json.loads(told.stdout)
        return found

    alone = record("float")
    assert not notes.exists()
    rows = json.loads(snnbench("plugins", "list", "--json").stdout)
    assert notes.read_text() == "imported\n"
    assert [
        "changes snnbench.bench.score" in row["error"] for row in rows if row["distribution"] == "snnbench-patching"
    ]
    good = record("good")
    assert notes.read_text() == "imported\n"
    assert good["metrics"] == alone["metrics"]
    patched = snnbench("run", "-q", "patched", "-p", "digits-sew8", "--limit", 40, "--out", tmp_path / "o")
    assert patched.returncode == 2
    assert "snnbench-patching 1.0 is broken and may hold it (changes " in patched.stderr
