#!/usr/bin/env bash
# NeuroBench 2.3.0: the sparsity of activations "by layer" is that of all layers which have the same name in their block.
#
# Guess: layers of two blocks are told apart by their path, `first.lif` and `second.lif`, as PyTorch names them. Seen: a
# layer goes by the last part of its path, and counts of one name are added up. In a network of blocks, as ResNets are
# written, a layer that fires at every step and one that never does are one line, "lif", with a sparsity that is the mean,
# weighted by their sizes: a silent layer cannot be seen, which is what one looks at layers for.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0
"$folder/venv/bin/pip" install --quiet --no-compile snntorch==1.0.0 numpy==2.4.6 tqdm==4.70.1
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps neurobench==2.3.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import snntorch
import torch
from neurobench.benchmarks import Benchmark
from neurobench.metrics.workload import ActivationSparsity, ActivationSparsityByLayer
from neurobench.models import SNNTorchModel
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Block(nn.Module):
    def __init__(self, inputs, neurons, threshold):
        super().__init__()
        self.linear = nn.Linear(inputs, neurons, bias=False)
        nn.init.ones_(self.linear.weight)
        self.lif = snntorch.Leaky(beta=0.5, threshold=threshold, init_hidden=True)

    def forward(self, spikes):
        return self.lif(self.linear(spikes))


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = Block(8, 16, 0.5), Block(16, 4, 1e6)

    def reset(self):
        self.first.lif.reset_mem(), self.second.lif.reset_mem()

    def forward(self, spikes):
        spikes = self.second(self.first(spikes))
        return spikes, spikes


rates, network = {}, Network()
for name, module in network.named_modules():
    if name.endswith("lif"):
        rates[name] = []
        module.register_forward_hook(lambda _, __, output, name=name: rates[name].append(output.mean()))
loader = DataLoader(TensorDataset(torch.ones(3, 7, 8), torch.zeros(3)), batch_size=3)
metrics = [[], [ActivationSparsity, ActivationSparsityByLayer]]
found = Benchmark(SNNTorchModel(network), loader, [], [], metrics).run(quiet=True)
sparsity = {name: 1 - torch.stack(rate).mean().item() for name, rate in rates.items()}
print("counted by hooks:", sparsity, "NeuroBench:", found["ActivationSparsityByLayer"])
assert sparsity == {"first.lif": 0, "second.lif": 1}
assert found["ActivationSparsityByLayer"] == {"lif": 0.2}
PYTHON
