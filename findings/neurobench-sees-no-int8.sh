#!/usr/bin/env bash
# NeuroBench 2.3.0: a network in int8 is as large as in float32, or has no parameters and no operations at all.
#
# Guess: `Footprint`, bytes of parameters and buffers by their `element_size`, is about a quarter after quantization to
# int8, and a network that fires as before has its synaptic operations as before. Seen: weights of torchao 0.18.0 say
# that their elements have 4 bytes, at 8 bits as at 2, so that nothing is saved. Layers of `torch.ao.quantization`
# (PyTorch 2.13.0) keep their weights outside of parameters and buffers, and are none of the layers that are counted:
# after `quantize_dynamic` the network has 0 parameters, the 40 bytes of its neurons' constants, and 0 operations, dense
# ones included. `ConnectionSparsity` raises for both, and for torchao's weights the operations do; nothing else says a
# word.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 snntorch==1.0.0 torchao==0.18.0 numpy==2.4.6 tqdm==4.70.1
"$folder/venv/bin/pip" install --quiet --no-deps neurobench==2.3.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import snntorch
import torch
from neurobench.metrics.static import Footprint, ParameterCount
from neurobench.metrics.workload import SynapticOperations
from neurobench.models import SNNTorchModel
from torch import nn
from torch.ao.quantization import quantize_dynamic
from torchao.quantization import Int8WeightOnlyConfig, IntxWeightOnlyConfig, quantize_

torch.set_grad_enabled(False)


def network():
    torch.manual_seed(0)
    layers = (nn.Linear(100, 50, bias=False), nn.Linear(50, 10, bias=False))
    first, last = (snntorch.Leaky(0.9, threshold=0.2, init_hidden=True, output=output) for output in (False, True))
    return nn.Sequential(layers[0], first, layers[1], last)


def by_torchao(config):
    quantized = network()
    quantize_(quantized, config)
    return quantized


def measured(network):
    model = SNNTorchModel(network)
    static = Footprint()(model), ParameterCount()(model)
    model.register_hooks()
    images = (torch.rand(4, 5, 100, generator=torch.Generator().manual_seed(1)) < 0.3).float()
    spikes = int(model(images).sum())
    try:
        operations = SynapticOperations()(model, None, (images, None))
    except NotImplementedError:
        operations = None
    return *static, spikes, operations and (operations["Effective_ACs"], operations["Dense"])


print("bytes, parameters, output spikes, (synaptic operations, dense ones)")
floating, dynamic = measured(network()), measured(quantize_dynamic(network(), {nn.Linear}))
eight = measured(by_torchao(Int8WeightOnlyConfig()))
two = measured(by_torchao(IntxWeightOnlyConfig(weight_dtype=torch.int2)))
for name, found in ("float32", floating), ("torchao, int8", eight), ("torchao, int2", two), ("torch.ao, int8", dynamic):
    print(f"{name}: {found}")
assert eight[:2] == two[:2] == floating[:2] == (22040, 5500)
assert dynamic[:2] == (40, 0) and dynamic[2] > 0 and dynamic[3] == (0, 0) and min(floating[3]) > 0
PYTHON
