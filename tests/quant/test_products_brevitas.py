"""Networks of Brevitas' own layers: measured, and written as NIR, with the weights that they use."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from oracles.environments import layered
from oracles.networks import library

SCRIPT = """
import sys, warnings
warnings.simplefilter("ignore")
import brevitas.nn as qnn
import snntorch as snn
import torch
from torch import nn
import snnbench

torch.manual_seed(0)
lif = lambda: snn.Leaky(beta=0.9, threshold=0.3, init_hidden=True)
net = nn.Sequential(
    qnn.QuantConv2d(1, 4, 3, weight_bit_width=3),
    lif(),
    nn.Flatten(),
    qnn.QuantLinear(144, 10, bias=True, weight_bit_width=2),
).eval()

images = torch.rand(100, 1, 8, 8)
with torch.no_grad():
    theirs = torch.stack([net(images) for _ in range(4)]).mean(0)
    back = snnbench.from_nir(snnbench.to_nir(net, sys.argv[1], input_shape=(1, 8, 8), timesteps=4)[0])
    torch.testing.assert_close(back(images), theirs)
assert {name: said.bits for name, said in back.sidecar.weights.items()} == {"0": 3, "3": 2}

batches = [(torch.rand(10, 1, 8, 8), torch.randint(10, (10,)))]
card = snnbench.report(net, net, batches, timesteps=3)["quantized"]
for row, layer in zip(card.weights, (net[0], net[3]), strict=True):
    values = layer.quant_weight().value
    most = max(len(channel.unique()) for channel in values)
    assert row.found_bits == (most - 1).bit_length() <= layer.weight_quant.bit_width(), row
assert [row.found_bits for row in card.weights] == [3, 2]
assert card.floats == ()
assert card.value("events") > 0
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_layers_of_brevitas(tmp_path: Path) -> None:
    library("snntorch")
    python = layered(tmp_path / "brevitas", "brevitas==0.13.4", "dependencies==2.0.1", "unfoldNd==0.2.3")
    subprocess.run([python, "-c", SCRIPT, tmp_path / "a.nir"], check=True)
