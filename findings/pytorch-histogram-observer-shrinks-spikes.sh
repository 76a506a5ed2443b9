#!/usr/bin/env bash
# PyTorch 2.13.0: its default static quantization makes a spike 0.9995, so that a threshold of 2 needs three of them.
#
# Guess: the smallest and the largest value are levels of 8 bits, so that spikes stay 0 and 1, whatever is said of values
# between. Seen: the default `QConfig` for x86 observes activations with a `HistogramObserver` of 2048 bins. It looks for
# the range of the smallest error as if values were spread over their bins, and gives up the last bin, that of the
# spikes, at any rate of them: the range ends at 1 - 1 / 2048. IF neurons whose weights and threshold are whole numbers
# then do not reach it in time: at a threshold of 2 they wait for a third spike, and with a reset to 0 they lose a third
# of their own, which looks like what 8 bits cost. `MinMaxObserver` keeps spikes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch import nn
from torch.ao.quantization import DeQuantStub, MinMaxObserver, QuantStub, convert, get_default_qconfig, prepare

torch.manual_seed(0)


def drawn(rate, steps=50):
    return (torch.rand(steps, 16, 1000) < rate).float()


def quantized(trains, observer=None, **kind):
    network = nn.Sequential(QuantStub(), DeQuantStub()).eval()
    network.qconfig = get_default_qconfig("x86")
    if observer:
        network.qconfig = network.qconfig._replace(activation=observer.with_args(**kind))
    observed = prepare(network)
    for step in trains:
        observed(step)
    return convert(observed)(trains)


def fired(inputs, threshold):
    potential, spikes = torch.zeros(inputs[0].shape), 0.0
    for current in inputs:
        potential += current
        fires = (potential >= threshold).float()
        potential *= 1 - fires
        spikes += float(fires.sum())
    return spikes


for rate in 0.5, 0.1, 0.01, 0.001:
    trains = drawn(rate)
    levels = quantized(trains).unique().tolist()
    print(f"rate {rate}: spikes of 0 and 1 are {levels[0]:.4f} and {levels[1]:.4f}")
    assert len(levels) == 2 and levels[0] == 0 and abs(levels[1] - (1 - 1 / 2048)) < 1e-4
    assert torch.allclose(quantized(trains, MinMaxObserver, quant_min=0, quant_max=127), trains)
trains = drawn(0.5)
lost = 1 - fired(quantized(trains), 2) / fired(trains, 2)
print(f"at a threshold of 2, IF neurons lose {lost:.2f} of their spikes")
assert 0.25 < lost < 0.4
PYTHON
