"""A finished cell's network as a NIR file: the network that was measured, in every spike of 1,000 images."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from oracles.shipped import DIGITS, needs_boards
from torch import Tensor

import snnbench
from snnbench.bench.bench import open_bench
from snnbench.builtin.datasets import read_digits
from snnbench.errors import GraphError, OptionError
from snnbench.examine.export import rebuild
from snnbench.nn import IFNeuron, sew_resnet8
from snnbench.records.record import read_record
from snnbench.reporting import Silent

pytest.importorskip("h5py")


def entry(cell: str) -> Path:
    """An entry of the board of digits."""
    return min(DIGITS.glob(f"entries/{cell}-*"))


def thousand_digits() -> Tensor:
    """Training images of digits as the protocol normalises them."""
    images, _ = read_digits("train")
    data = open_bench("digits-sew8").protocol.data
    mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (data.mean, data.std))
    return (torch.as_tensor(images[:1000]).float() / 255 - mean) / std


@needs_boards
@pytest.mark.parametrize("cell", ["float-32bit", "uniform-4bit", "lqnet-2bit"])
def test_every_spike_of_a_thousand_images(cell: str, tmp_path: Path) -> None:
    file, beside = snnbench.to_nir(entry(cell), tmp_path / "network.nir")
    _, _, model, _ = rebuild(entry(cell), None, Silent())
    model, back, images = model.double(), snnbench.from_nir(file).double(), thousand_digits().double()
    with torch.no_grad(), snnbench.record_firing(model) as mine, snnbench.record_firing(back) as theirs:
        torch.testing.assert_close(model(images), back(images), rtol=0, atol=1e-9)  # sums in another order
    assert mine.profile() == theirs.profile()
    record = read_record(entry(cell))
    document = json.loads(beside.read_text("utf-8"))
    assert {name: each["bits"] for name, each in document["weights"].items()} == {
        row.layer: row.declared_bits for row in record.audit.weights
    }
    assert document["origin"]["cell"] == record.cell.folder


@needs_boards
def test_the_command_writes_what_python_writes(
    told: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told("export", entry("uniform-4bit"), "--to", "nir", "--dt", "0.001", "--out", tmp_path / "a.nir") == 0
    assert f"Written: {tmp_path / 'a.nir'}" in capsys.readouterr().out
    snnbench.to_nir(entry("uniform-4bit"), tmp_path / "b.nir", dt=0.001)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


@needs_boards
def test_options_of_nir_are_refused_elsewhere(told: Callable[..., int], tmp_path: Path) -> None:
    assert told("export", entry("uniform-4bit"), "--fold", "--out", tmp_path / "a.safetensors") == 2
    assert not list(tmp_path.iterdir())


def test_a_module_needs_a_shape_and_steps(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="input_shape is needed"):
        snnbench.to_nir(sew_resnet8(4), tmp_path / "a.nir")
    with pytest.raises(GraphError, match="number of steps is not said by the network: give timesteps=T"):
        snnbench.to_nir(torch.nn.Linear(2, 2), tmp_path / "a.nir", input_shape=(2,))
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of PyTorch's compiler
def test_a_compiled_network_is_the_one_inside(tmp_path: Path) -> None:
    network = torch.nn.Sequential(torch.nn.Linear(6, 5), IFNeuron(), torch.nn.Linear(5, 2))
    compiled = torch.compile(network, backend="eager")
    for name, model in (("plain", network), ("compiled", compiled)):
        snnbench.to_nir(model, tmp_path / name / "a.nir", input_shape=(6,), timesteps=4)
    written = [json.loads((tmp_path / name / "a.json").read_text("utf-8")) for name in ("plain", "compiled")]
    assert written[0] == written[1]
    inputs = torch.rand(3, 6)
    logits = [snnbench.on_chip(each, "int", timesteps=4).network(inputs) for each in (network, compiled)]
    assert torch.equal(*logits)
