#!/usr/bin/env bash
# rockpool 3.1.0: `stochastic_channel_rounding` rounds the weights that it is given, in their place.
#
# Guess: it returns rounded weights and leaves those given as they were, as `stochastic_rounding` and `deterministic_rounding`
# do. Seen: the columns of the given tensor are overwritten, and it is the same tensor that is returned. Who rounds the weights
# of a layer without gradients changes the layer: with an output range of -127 to 127 its outputs are many times as large. A
# sweep over bits rounds what was rounded before: after 2 bits, 4 and 8 bits have the same four values as 2 bits, and the loss
# of precision seems not to depend on the bits. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps rockpool==3.1.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import torch
from rockpool.nn.modules import LinearTorch
from rockpool.transform.torch_transform import deterministic_rounding, stochastic_channel_rounding, stochastic_rounding

WIDEST = [-1.0, 1.0]
rng = np.random.default_rng(0)
columns = rng.normal(size=(40, 3))
columns /= np.abs(columns).max(axis=0)
trained = torch.tensor(columns, dtype=torch.float32)


def farthest(rounded, bits):
    """The largest change of a weight, in steps between the levels of a column; a rounding moves it by less than one."""
    return np.abs(rounded.numpy() - columns).max() / (2 / (2**bits - 1))


torch.manual_seed(0)
for function in stochastic_rounding, deterministic_rounding:
    kept = trained.clone()
    function(kept, num_levels=4)
    assert torch.equal(kept, trained)

weights = trained.clone()
for bits in (2, 4, 8):
    alone = stochastic_channel_rounding(trained.clone(), WIDEST, num_levels=2**bits)
    swept = stochastic_channel_rounding(weights, WIDEST, num_levels=2**bits)
    values = len(alone[:, 0].unique()), len(swept[:, 0].unique())
    print(f"{bits} bits: {values[0]} values in a column, in a sweep {values[1]}; weights moved by up to", end=" ")
    print(f"{farthest(alone, bits):.2f} steps, in a sweep {farthest(swept, bits):.2f}")
    assert swept is weights and not torch.equal(weights, trained)
    assert farthest(alone, bits) < 1
    assert (values[0] > 4, values[1]) == (bits > 2, 4)
assert farthest(swept, 8) > 20

layer = LinearTorch((40, 3), weight=trained.clone(), has_bias=False)
spikes = torch.tensor(rng.random((1, 5, 40)) < 0.3, dtype=torch.float32)
with torch.no_grad():
    before = layer(spikes)[0]
    stochastic_channel_rounding(layer.weight, [-127.0, 127.0])
    times = float(layer(spikes)[0].norm() / before.norm())
print(f"after rounding a layer's weights to -127 to 127 its outputs are {times:.0f} times as large")
assert abs(times - 127) < 3
PYTHON
