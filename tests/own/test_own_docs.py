"""The scripts of docs/own-network.md run as they stand, and are as short as the page says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from oracles.networks import library

PAGE = Path(__file__).parents[2] / "docs" / "own-network.md"
SCRIPTS = dict(re.findall(r"<!-- run (\S+) -->\n```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL))


def test_a_script_for_each_library():
    assert list(SCRIPTS) == ["snntorch", "spikingjelly.activation_based", "norse.torch", "sinabs.layers", "torch"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_script_is_short_and_runs(name, tmp_path):
    script = SCRIPTS[name]
    assert len([line for line in script.splitlines() if line.strip()]) <= 15
    library(name)
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=140, check=False)
    assert done.returncode == 0, done.stderr
    for line in ("accuracy", "firing EMD", "weights in float", "van Rossum", "calibration error"):
        assert line in done.stdout
    assert (tmp_path / "report.html").exists() == (name == "snntorch")
