#!/usr/bin/env bash
# snnTorch 1.0.0: `mse_temporal_loss()` as it comes wants every class to fire in the first step, and punishes the right answer.
#
# Guess: "correct classes aimed to fire by default at t=0, incorrect at t=-1 (final time step)", so that a network that does
# that has a loss of 0. Seen: targets are made by `one_hot * on_target`, clamped from below at `off_target`, so that a
# negative `off_target` under the other one is never reached: of 0 and -1 all classes get 0. The loss is 0 where all fire at
# once, which decides nothing, and falls as wrong classes fire earlier. With off_target=19, the same step of 20 by its own
# number, it is as documented. In `mse_membrane_loss(on_target=1, off_target=-1)` wrong classes are drawn to 0, and with
# -50 and -70 (mV) to 0 as well, far above the right one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0
"$folder/venv/bin/pip" install --quiet --no-compile snntorch==1.0.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from snntorch import functional

STEPS, label = 20, torch.tensor([1])


def first_spikes(*times):
    spikes = torch.zeros(STEPS, 1, len(times))
    for neuron, time in enumerate(times):
        spikes[time, 0, neuron] = 1
    return spikes


def documented(spikes):
    """0 for class 1 and the last step for all others, over the number of steps."""
    wanted = torch.tensor([STEPS - 1.0, 0, STEPS - 1])
    return ((spikes[:, 0].argmax(0) - wanted) / STEPS).square().mean()


right, same = first_spikes(19, 0, 19), first_spikes(0, 0, 0)
default, numbered = functional.mse_temporal_loss(), functional.mse_temporal_loss(off_target=STEPS - 1)
for name, spikes in ("class 1 first, others last", right), ("all in the first step", same):
    found = [round(float(loss(spikes, label)), 3) for loss in (default, numbered)]
    print(f"{name}: default {found[0]}, off_target=19 {found[1]}, documented {documented(spikes):.3f}")
    assert torch.isclose(numbered(spikes, label), documented(spikes))
assert default(same, label) == 0 and default(right, label) > 0.6
assert functional.accuracy_temporal(right, label) == 1

for on, off in (1.0, -1.0), (-50.0, -70.0):
    loss = functional.mse_membrane_loss(on_target=on, off_target=off)
    asked, zeros = (torch.tensor([other, on, other]).expand(STEPS, 1, 3) for other in (off, 0.0))
    print(f"membranes of {on} and {off}: loss {float(loss(asked, label)):.3f}; {on} and 0: {float(loss(zeros, label))}")
    assert loss(asked, label) > 0.6 and loss(zeros, label) == 0
PYTHON
