#!/usr/bin/env bash
# torchao 0.18.0: weights of -1, 0 and 1 become -1.33, 0 and 0.67 at 2 bits, and 1 is 0.996 at 8.
#
# Guess: weights that have three levels are kept by two bits, up to a scale for all, and a weight that is the largest of
# its row is kept by any number of bits. Seen: the default mapping, called symmetric, divides 2 max |w| by 2^bits - 1, so
# that no whole number is max |w|: 1 is clamped to the level below and -1 rounds to the level beyond. At 2 bits an
# inhibitory spike counts twice an excitatory one, at 1 bit every weight is 0; `ASYMMETRIC` gives the same here. At 2 to 8
# bits a spike on a weight of the threshold stays below it, so that an IF neuron waits for a second one; at 5 and 7 bits
# -1 is beyond -1. The docstring of `MappingType` has the formula, not what comes of it; `SYMMETRIC_NO_CLIPPING_ERR`, which
# is no default, keeps such weights.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 torchao==0.18.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch import nn
from torchao.quantization import IntxWeightOnlyConfig, PerAxis, quantize_
from torchao.quantization.quant_primitives import MappingType

ternary = torch.tensor([[-1.0, 0.0, 1.0]])


def quantized(weight, bits, mapping=MappingType.SYMMETRIC):
    linear = nn.Linear(weight.shape[1], 1, bias=False)
    linear.weight.data.copy_(weight)
    network = nn.Sequential(linear)
    quantize_(network, IntxWeightOnlyConfig(getattr(torch, f"int{bits}"), PerAxis(0), mapping_type=mapping))
    with torch.no_grad():
        return network(torch.eye(weight.shape[1])).flatten()


def fires(weight, spikes, threshold=1.0):
    return bool((weight * spikes).sum() >= threshold)


for bits in range(1, 9):
    print(f"{bits} bits:", " ".join(f"{value:.4f}" for value in quantized(ternary, bits).tolist()))
scale = 2 / (2**2 - 1)
assert torch.allclose(quantized(ternary, 2), torch.tensor([-2 * scale, 0.0, scale]))
assert torch.allclose(quantized(ternary, 2, MappingType.ASYMMETRIC), torch.tensor([-2 * scale, 0.0, scale]))
assert not quantized(ternary, 1).any()
for bits in range(2, 9):
    level = 2 ** (bits - 1) - 1
    low, _, high = (quantized(ternary, bits) * (level + 0.5)).round().tolist()
    assert high == level and -low in (level, level + 1)
    assert fires(ternary[0], torch.tensor([0.0, 0.0, 1.0]))
    assert not fires(quantized(ternary, bits), torch.tensor([0.0, 0.0, 1.0]))
balanced, spikes = torch.tensor([[1.0, 1.0, -1.0]]), torch.ones(3)
print("1 + 1 - 1 at 2 bits:", f"{float(quantized(balanced, 2) @ spikes):.4f}")
assert fires(balanced[0], spikes) and abs(float(quantized(balanced, 2) @ spikes)) < 1e-6
for bits in range(2, 9):
    assert torch.allclose(quantized(ternary, bits, MappingType.SYMMETRIC_NO_CLIPPING_ERR), ternary[0])
PYTHON
