#!/usr/bin/env bash
# NNCF 3.4.0: of a network that loops over time steps it quantizes only as many as the data of its calibration have.
#
# Guess: a layer that is called at each step has one quantizer of its weight, and one of its input, for all steps, or
# `quantize` refuses a network whose number of steps is not fixed. Seen: quantizers belong to the calls in the graph that
# was traced, so that each step has its own of the same weight, and its own range of the layer's input. Where a network
# is calibrated with 4 steps and runs 12, steps 5 to 12 have neither: their currents are the float network's to the last
# bit. Nothing is said. Two thirds of such a run are not quantized, and what 8 bits cost looks small.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6 networkx==3.6.1 scipy==1.17.1 scikit-learn==1.9.1
"$folder/venv/bin/pip" install --quiet pydot==4.0.1 psutil==7.2.2 rich==15.0.0 safetensors==0.8.0 tabulate==0.10.0
"$folder/venv/bin/pip" install --quiet loguru==0.7.3 tqdm==4.70.1 packaging==25.0 requests==2.34.2 ninja==1.13.2
"$folder/venv/bin/pip" install --quiet --no-deps nncf==3.4.0 openvino-telemetry==2025.2.0 spikingjelly==2.0.0
# Without a compiler NNCF rounds with PyTorch's operations, which spares minutes.
export CXX=false TORCH_EXTENSIONS_DIR="$folder/extensions"
"$folder/venv/bin/python" -W ignore - 2> "$folder/log" <<'PYTHON' || { cat "$folder/log"; exit 1; }
import copy

import nncf
import torch
from spikingjelly.activation_based import functional, neuron
from torch import nn

torch.manual_seed(0)
seen = 4


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(6, 8), nn.Linear(8, 4)
        self.neurons = neuron.IFNode(v_threshold=0.2)

    def forward(self, trains):
        functional.reset_net(self)
        outputs = []
        for spikes in trains:
            currents = self.first(spikes)
            outputs.append(torch.cat([currents, self.second(self.neurons(currents))], 1))
        return torch.stack(outputs)


def drawn(steps):
    return (torch.rand(steps, 16, 6) < 0.4).float()


plain = Network().eval()
quantized = nncf.quantize(plain, nncf.Dataset([drawn(seen) for _ in range(3)]))
reference = copy.deepcopy(plain)  # with the biases that NNCF corrects once for all steps
reference.load_state_dict({name: value for name, value in quantized.state_dict().items() if "hooks" not in name})
assert torch.equal(reference.first.weight, plain.first.weight)
with torch.no_grad():
    trains = drawn(12)
    off = (quantized(trains) - reference(trains))[:, :, :8].abs().amax((1, 2)).tolist()
print(f"calibrated with {seen} steps; currents are off by", " ".join(f"{step:.4f}" for step in off))
assert min(off[:seen]) > 1e-4 and not any(off[seen:])
weights = [name for name, _ in quantized.named_modules() if name.endswith("__1")]
print("weights of", ", ".join(name.split(".")[-1] for name in weights))
assert len(weights) == 2 * seen
PYTHON
