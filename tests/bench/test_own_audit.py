"""Networks that quantize themselves, measured by `run --network`: the bits really found are in the record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from oracles.networks import library
from safetensors.torch import save_file
from torch import nn
from typer.testing import CliRunner

from snnbench.cli.main import app
from snnbench.nn.libraries import without_states
from snnbench.own.cells import OwnNetwork, run_network
from snnbench.plugins import catalogue
from snnbench.records.record import Record

CODE = """
import torch
import torch.nn.functional as F
from torch import nn

class Rounded(nn.Linear):
    def forward(self, x):
        from spikingjelly.activation_based import quantize as ops
        return F.linear(x, 2 * ops.k_bit_quantize(ops.clamp_by_linear(self.weight), 3) - 1, self.bias)

def jelly():
    from spikingjelly.activation_based import neuron
    return nn.Sequential(nn.Flatten(), Rounded(64, 30), neuron.IFNode(0.5), nn.Linear(30, 10))

def torches():
    import snntorch
    from snntorch.functional.quant import state_quant
    lif = snntorch.Leaky(beta=0.9, init_hidden=True, state_quant=state_quant(num_bits=4))
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 30), lif, nn.Linear(30, 10))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    Path("own_nets.py").write_text(CODE)
    generator = np.random.default_rng(0)
    for split in ("train", "test"):
        images = generator.integers(0, 256, (60, 1, 8, 8), np.uint8)
        np.savez(f"{split}.npz", images=images, labels=np.arange(60) % 10)
    return tmp_path


def weights_of(network: str) -> nn.Module:
    """The network, whose weights are saved."""
    torch.manual_seed(0)
    model = catalogue().models[f"own_nets.py:{network}"].value((1, 8, 8), 10)
    model[1].weight.data *= 4
    save_file(without_states(model, model.state_dict()), "net.safetensors")
    return model


def measured(folder: Path, network: str, quantizer: str, bits: list[int] | None = None, **options: Any) -> Record:
    own = OwnNetwork(f"own_nets.py:{network}", folder / "net.safetensors", str(folder), timesteps=4, **options)
    return run_network(own, quantizer, bits)[0].record


def test_weights_that_a_layer_rounds(folder: Path) -> None:
    library("spikingjelly.activation_based")
    model = weights_of("jelly")
    audit = measured(folder, "jelly", "float").audit
    (row,) = audit.own_weights
    assert (row.layer, row.found_bits, row.declared_bits, row.weights) == ("1", 3, 32, 1920)
    assert audit.found_bits == 3
    assert audit.packed_bits == row.packed_bits < 4 * 1920
    assert audit.full_precision == ("3",)
    assert audit.float_share == pytest.approx(300 / 2220)
    assert audit.float_bits == 32 * (sum(each.numel() for each in model.parameters()) - 1920)
    assert audit.warnings == ("weights that no quantizer of the run is on, in so many bits: 1 3",)
    assert not audit.findings
    words = f"run --network own_nets.py:jelly --weights net.safetensors --data {folder} --timesteps 4 -q float"
    told = CliRunner().invoke(app, words.split()).output
    assert "32/3" in told
    assert "Weights in float: 13.5 % (3)" in told


def test_a_quantizer_on_weights_that_a_layer_rounds_again(folder: Path) -> None:
    library("spikingjelly.activation_based")
    weights_of("jelly")
    audit = measured(folder, "jelly", "uniform", [2], exempt=()).audit
    assert audit.findings == ("layer 1 makes other weights of those that were quantized, and multiplies with them",)
    assert audit.own_weights == ()


def test_potentials_that_a_neuron_rounds(folder: Path) -> None:
    library("snntorch")
    weights_of("torches")
    record = measured(folder, "torches", "float")
    (row,) = record.audit.own_membranes
    assert (row.layer, row.found_bits, row.declared_bits, row.state_bits) == ("2", 4, 32, 120)
    assert 8 < row.levels <= 16
    assert record.audit.own_weights == ()
    assert record.audit.full_precision == ("3", "1")
    assert record.audit.float_share == 1
    states = 32 * sum(layer.neurons for layer in record.layers if layer.layer != row.layer) + 120
    assert record.cost.memory_bits == record.audit.float_bits + record.audit.packed_bits + states


def test_weights_that_come_quantized(folder: Path) -> None:
    """Nobody says that they are; their values do."""
    library("spikingjelly.activation_based")
    model = weights_of("jelly")
    model[3].weight.data = model[3].weight.sign() * 0.25  # type: ignore[operator]
    save_file(model.state_dict(), "net.safetensors")
    audit = measured(folder, "jelly", "float").audit
    assert {row.layer: row.found_bits for row in audit.own_weights} == {"1": 3, "3": 1}
    assert audit.float_share == 0
