#!/usr/bin/env bash
# spikingtorch 0.1.3: a potential that equals the threshold fires half a spike and resets by half.
#
# Guess: spikes are 0 or 1. Seen: the step function is (sign(v - threshold) + 1) / 2, which is 1/2 where both are equal. A
# neuron that integrates 1/4 in each step, up to a threshold of 1, does not fire once in 4 steps: it fires 0.5 in every
# second step, as its reset leaves half of the potential. With weights on a grid, as after quantization or with binary
# weights, equality is common: with weights of 3 bits and binary inputs a quarter of all spikes are halves. A chip has no
# half spikes, a count of nonzero outputs is too high, and a network trained that way is none that a chip can run.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps spikingtorch==0.1.3
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from spikingtorch import IF, LIF, McPitts


def run(neuron, currents):
    return torch.stack([neuron(current, step == 0) for step, current in enumerate(currents)])


def plain(currents):
    v, fired = torch.zeros_like(currents[0]), []
    for current in currents:
        v = v + current
        fired.append((v >= 1).float())
        v = v * (v < 1)
    return torch.stack(fired)


quarters = torch.full((12, 1), 0.25)
print("1/4 a step: ", run(IF(), quarters).flatten().tolist(), "\nin place of:", plain(quarters).flatten().int().tolist())
assert run(IF(), quarters).flatten().tolist() == [0, 0, 0, 0.5] + [0, 0.5] * 4

generator = torch.Generator().manual_seed(0)
weights = torch.randint(-3, 4, (16, 50), generator=generator) / 4
currents = (torch.rand(200, 20, 16, generator=generator) < 0.2).float() @ weights
fired = run(IF(), currents)
halves = (fired == 0.5).sum() / (fired > 0).sum()
print(f"3-bit weights: {halves:.0%} of spikes are halves; mean {fired.mean():.3f} in place of {plain(currents).mean():.3f},")
print(f"nonzero outputs {(fired > 0).float().mean():.3f}; values {fired.unique().tolist()}")
assert 0.2 < halves < 0.4 and fired.unique().tolist() == [0, 0.5, 1]
assert LIF(decay=0.5)(torch.ones(1, 1), True).item() == McPitts(2)(torch.full((1,), 2.0)).item() == 0.5
PYTHON
