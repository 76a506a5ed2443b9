"""`snnbench check` of a network of one's own, whose shape and number of classes are fixed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from oracles.networks import library
from typer.testing import CliRunner

from snnbench.cli.main import app

CODE = """
import torch
from torch import nn

class Fire(nn.Module):
    def forward(self, x):
        return (x > 0.2).float()

def make():
    import snntorch
    lif = lambda: snntorch.Leaky(beta=0.9, threshold=0.2, init_hidden=True)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 24), lif(), nn.Linear(24, 10))

def nothing_fires():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
"""


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library("snntorch")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checked_nets.py").write_text(CODE)


def checked(*words: str) -> tuple[int, dict[str, tuple[str, str]]]:
    done = CliRunner().invoke(app, ["check", *words, "--json"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    (report,) = json.loads(done.stdout)
    return done.exit_code, {each["check"]: (each["status"], each["message"]) for each in report["checks"]}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_network_of_ones_own_is_checked_on_its_data_set(network: None) -> None:
    code, found = checked("checked_nets.py:make", "-o", "timesteps=4")
    assert code == 0, found
    assert {name for name, (status, _) in found.items() if status == "skipped"} == {"timesteps"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["checked_nets.py:nothing_fires"], "no spiking layer"),
        (["checked_nets.py:make", "-o", "timesteps=4", "--data", "cifar10"], "cannot be multiplied"),
    ],
)
def test_what_is_wrong_is_said(network: None, words: list[str], message: str) -> None:
    code, found = checked(*words)
    assert code == 1
    assert message in found["spiking"][1]
