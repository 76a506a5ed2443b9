#!/usr/bin/env bash
# Brevitas 0.13.4: the default quantizer of activations makes a spike 0.5 at 2 bits, 0.875 at 4 and 0.992 at 8.
#
# Guess: spikes are 0 and 1, so that any number of bits keeps them once the scale is calibrated: the largest value is a
# level. Seen: `QuantIdentity` is signed by default (`Int8ActPerTensorFloat`), divides the largest value by 2^(bits - 1)
# and clamps to 2^(bits - 1) - 1, so that 1 becomes 1 - 2^(1 - bits), after calibration as in training. An IF neuron
# whose weight is its threshold does not fire at a first spike any more; at 2 bits it fires half as often with soft
# reset, and that a layer's firing rate halves looks like what 2 bits cost. `Uint8ActPerTensorFloat` keeps spikes at 2
# bits and more.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6 packaging==26.3 setuptools==80.10.2
"$folder/venv/bin/pip" install --quiet --no-deps brevitas==0.13.4 dependencies==2.0.1 unfoldNd==0.2.3
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from brevitas.graph.calibrate import calibration_mode
from brevitas.nn import QuantIdentity
from brevitas.quant import Int8ActPerTensorFloat, Uint8ActPerTensorFloat

torch.manual_seed(0)
torch.set_grad_enabled(False)
trains = (torch.rand(40, 100) < 0.3).float()  # steps, neurons


def calibrated(bits, **kind):
    quantizer = QuantIdentity(bit_width=bits, **kind).eval()
    with calibration_mode(quantizer):
        for spikes in trains:
            quantizer(spikes)
    return quantizer.eval()


def fired(inputs, threshold=1.0):
    potential, spikes = torch.zeros(100), 0.0
    for current in inputs:
        potential += current
        fires = (potential >= threshold).float()
        potential -= fires * threshold
        spikes += float(fires.sum())
    return spikes


for bits in range(2, 9):
    default, unsigned = calibrated(bits), calibrated(bits, act_quant=Uint8ActPerTensorFloat)
    spikes, kept = ([quantizer(step) for step in trains] for quantizer in (default, unsigned))
    one = max(float(step.max()) for step in spikes)
    print(f"{bits} bits: a spike is {one:.4f}, IF neurons fire {fired(spikes) / fired(trains):.3f} of their spikes")
    assert abs(one - (1 - 2 ** (1 - bits))) < 1e-6
    assert torch.equal(torch.stack(spikes), one * trains)
    assert torch.allclose(torch.stack(kept), trains)
    assert torch.equal(calibrated(bits, act_quant=Int8ActPerTensorFloat)(trains[0]), spikes[0])
    assert fired(spikes) < fired(trains)
assert 0.4 < fired([calibrated(2)(step) for step in trains]) / fired(trains) < 0.5
trained = QuantIdentity(bit_width=2).train()
for spikes in trains:
    trained(spikes)
assert float(trained.eval()(trains[0]).max()) == 0.5
PYTHON
