"""The scripts of docs/own-network.md run as they stand, and are as short as the page says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from oracles.environments import layered
from oracles.networks import library
from sklearn.datasets import load_digits

PAGE = Path(__file__).parents[2] / "docs" / "own-network.md"
SCRIPTS = dict(re.findall(r"<!-- run (\S+) -->\n```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL))
IMAGES = 500


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)


def test_a_script_for_each_library():
    assert list(SCRIPTS) == ["snntorch", "spikingjelly.activation_based", "norse.torch", "sinabs.layers", "torch"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SCRIPTS)
def test_the_script_is_short_and_runs(name, tmp_path, monkeypatch, capsys, digits):
    script = SCRIPTS[name]
    assert len([line for line in script.splitlines() if line.strip()]) <= 15
    library(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sklearn.datasets.load_digits", lambda return_X_y: tuple(each[:IMAGES] for each in digits))
    exec(script, {"__name__": "__main__"})
    printed = capsys.readouterr().out
    for line in ("accuracy", "firing EMD", "weights in float", "van Rossum", "calibration error"):
        assert line in printed
    assert (tmp_path / "report.html").exists() == (name == "snntorch")


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_sinabs_has_an_environment_of_its_own(tmp_path):
    """What it pins, the other libraries cannot bear: its script and its networks run beside them."""
    pinned = ("sinabs==3.1.3", "nir==1.0.4", "nirtorch==2.0.2", "samna==0.48.6", "pbr==7.1.3", "setuptools==80.9.0")
    python = layered(tmp_path / "sinabs", *pinned)
    tests = [Path(__file__), Path(__file__).with_name("test_report.py")]
    options = ["-q", "-p", "no:cacheprovider", "-k", "sinabs and not environment", "-W", "default"]
    command = [python, "-m", "pytest", *options, *tests]
    done = subprocess.run(command, cwd=PAGE.parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout
    assert "skipped" not in done.stdout
