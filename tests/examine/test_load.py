"""Networks by name: the weights that ship, and the quantized network that a record audits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from oracles.shipped import DIGITS, needs_boards
from safetensors.torch import load_file

import snnbench
from snnbench.bench.bench import open_bench
from snnbench.errors import OptionError, PluginError
from snnbench.quant.audit import most_levels
from snnbench.records.record import read_record
from snnbench.training.baseline import protocol_path


@pytest.mark.parametrize("seed", [0, 1])
def test_a_reference_has_the_weights_that_ship(seed: int) -> None:
    model = snnbench.load("digits-sew8", seed)
    shipped = load_file(protocol_path("digits-sew8").parent / f"seed{seed}.safetensors")
    state = model.state_dict()
    assert not model.training
    assert state.keys() == shipped.keys()
    assert all(torch.equal(state[name], shipped[name]) for name in shipped)


@needs_boards
def test_an_entry_gives_the_network_that_its_record_audits() -> None:
    (entry,) = DIGITS.glob("entries/lqnet-4bit-ptq-seed0-*")
    model, record = snnbench.load(entry), read_record(entry)
    for row in record.audit.weights:
        assert most_levels(model.get_submodule(row.layer).weight.detach()) == row.levels
    bench = open_bench("digits-sew8", 0)
    images, labels = bench.test_set()
    with torch.inference_mode():
        right = model(bench.normalise(torch.from_numpy(images.copy()))).argmax(1).numpy() == labels
    assert float(right.mean()) == record.metrics["accuracy"].value


@pytest.mark.parametrize("name", ["digits-sew8", "digits-sew8-v1"])
def test_a_folder_called_like_a_protocol_does_not_hide_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of a board, in the folder of all boards."""
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    assert snnbench.load(name).state_dict().keys() == load_file(protocol_path(name).parent / "seed0.safetensors").keys()


def test_what_is_neither_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="no-such"):
        snnbench.load("no-such")
    with pytest.raises(OptionError, match="does not exist"):
        snnbench.load(tmp_path / "gone")
