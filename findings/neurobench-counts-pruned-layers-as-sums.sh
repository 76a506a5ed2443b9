#!/usr/bin/env bash
# NeuroBench 2.3.0: synaptic operations of a pruned or parametrized layer are the sum of its weights, not a count.
#
# Guess: of a layer pruned with `torch.nn.utils.prune`, or quantized by a parametrization, the operations are those at
# weights that are not 0. Seen: `SynapticOperations` sets `weight.data` of a copy of the layer to 1 where it is not 0 and
# runs the copy. A pruned layer makes its weight anew from `weight_orig` and the mask before each call, a parametrized one
# at each access, so the ones are lost, and what is added up is weights times inputs, cut to a whole number a step: with
# weights of -1, half of them pruned, -158 operations an image in place of 158, and -500 "Dense" ones in place of 1,000;
# with ternary weights of both signs almost none. After `prune.remove` the same network has its 158. Run where gradients
# are on, pruned layers cannot be copied, which is printed, and given as 0 operations.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 snntorch==1.0.0 numpy==2.4.6 tqdm==4.70.1
"$folder/venv/bin/pip" install --quiet --no-deps neurobench==2.3.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import snntorch
import torch
from neurobench.benchmarks import Benchmark
from neurobench.metrics.workload import SynapticOperations
from neurobench.models import SNNTorchModel
from torch import nn
from torch.nn.utils import parametrize, prune
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
spikes = (torch.rand(6, 5, 20) < 0.3).float()
loader = DataLoader(TensorDataset(spikes, torch.zeros(6)), batch_size=3)
weight = torch.empty(10, 20).uniform_(-0.2, 0.2)


class Ternary(nn.Module):
    def forward(self, weight):
        return 0.2 * torch.round(weight / 0.2)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(20, 10, bias=False)
        self.fc.weight.data.copy_(weight)
        self.neuron = snntorch.Leaky(0.9, init_hidden=True, output=True)

    def forward(self, x):
        return self.neuron(self.fc(x))


def operations(network):
    with torch.no_grad():
        run = Benchmark(SNNTorchModel(network), loader, [], [], [[], [SynapticOperations]]).run(quiet=True)
    return run["SynapticOperations"]["Effective_ACs"], run["SynapticOperations"]["Dense"]


def expected(network):
    return float(spikes.sum((0, 1)) @ (network.fc.weight != 0).float().sum(0)) / len(spikes)


plain, pruned, ternary = Network(), Network(), Network()
nn.init.constant_(pruned.fc.weight, -1.0)
prune.random_unstructured(pruned.fc, "weight", 0.5)
parametrize.register_parametrization(ternary.fc, "weight", Ternary())
for name, network in ("plain", plain), ("pruned", pruned), ("ternary", ternary):
    print(f"{name}: {operations(network)} operations an image (effective, dense), {expected(network):.1f} expected")
assert abs(operations(plain)[0] - expected(plain)) < 1e-3 and operations(plain)[1] == 1000
assert abs(operations(pruned)[0] + expected(pruned)) < 1e-3 and operations(pruned)[1] == -500
assert expected(ternary) > 100 and max(map(abs, operations(ternary))) < 10
prune.remove(pruned.fc, "weight")
print(f"pruned, after prune.remove: {operations(pruned)}")
assert abs(operations(pruned)[0] - expected(pruned)) < 1e-3 and operations(pruned)[1] == 1000
PYTHON
