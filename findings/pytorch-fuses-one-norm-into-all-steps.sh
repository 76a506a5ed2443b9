#!/usr/bin/env bash
# PyTorch 2.13.0 and torchao 0.18.0: of the batch norms of all steps (BNTT) quantization keeps one, for all steps.
#
# Guess: a layer with a norm of its own for each step, as snnTorch's `BatchNormTT2d` makes it after Kim and Panda (2020), is
# left as it is, since one convolution cannot hold two norms, or is copied for each step, or refused. Seen: `prepare_fx` of
# PyTorch folds the norm of each step into the same module in its turn, so that all steps have the last step's;
# `prepare_pt2e` of torchao folds the first step's and removes the others from the graph. Nothing is said. With four steps
# whose norms differ as trained ones do, currents at the other steps are off by as much as they vary, before anything is
# quantized; in firing rates it looks like the price of 8 bits. The quantizer here quantizes nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 torchao==0.18.0 numpy==2.4.6
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps snntorch==1.0.0
"$folder/venv/bin/python" -W ignore - 2> "$folder/log" <<'PYTHON' || { cat "$folder/log"; exit 1; }
import torch
from snntorch._layers.bntt import BatchNormTT2d
from torch import nn
from torch.ao.quantization import get_default_qconfig_mapping
from torch.ao.quantization.quantize_fx import prepare_fx
from torchao.quantization.pt2e.quantize_pt2e import prepare_pt2e
from torchao.quantization.pt2e.quantizer import Quantizer

torch.manual_seed(0)
torch.set_grad_enabled(False)
steps = 4


class Nothing(Quantizer):
    def annotate(self, model):
        return model

    def validate(self, model):
        pass


class Network(nn.Module):
    def __init__(self, layer, norms):
        super().__init__()
        self.layer, self.norms = layer, norms
        for norm in norms:
            norm.running_mean.uniform_(-1, 1)
            norm.running_var.uniform_(0.5, 2)

    def forward(self, trains):
        return torch.stack([self.norms[step](self.layer(trains[step])) for step in range(steps)])


def by_fx(network, trains):
    return prepare_fx(network, get_default_qconfig_mapping("x86"), (trains,))


def by_pt2e(network, trains):
    return prepare_pt2e(torch.export.export(network, (trains,)).module(), Nothing())


trains = (torch.rand(steps, 16, 2, 8, 8) < 0.3).float()
network = Network(nn.Conv2d(2, 4, 3), BatchNormTT2d(4, steps)).eval()
currents = network(trains)
for prepare, kept in (by_fx, steps - 1), (by_pt2e, 0):
    found = prepare(network, trains)(trains)
    off = (found - currents).flatten(1).square().mean(1).sqrt() / currents.std()
    print(f"{prepare.__name__}: off by", " ".join(f"{each:.2f}" for each in off), "of the currents' deviation")
    alone = torch.stack([network.norms[kept](network.layer(step)) for step in trains])
    assert torch.allclose(found, alone, atol=1e-4)
    assert off[kept] < 1e-4 and all(off[step] > 0.5 for step in range(steps) if step != kept)
PYTHON
