#!/usr/bin/env bash
# snnTorch 1.0.0: `ce_rate_loss(population_code=True)` knows no populations: class 1 is neuron 1.
#
# Guess: of 6 outputs and 2 classes, neurons 3 to 5 stand for class 1, as in `ce_count_loss`, `mse_count_loss` and
# `accuracy_rate`, which take the same two arguments. Seen: the loop over the populations cuts them out and throws them
# away, and the cross-entropy is taken over 6 neurons with the label as the number of one of them. A network whose class
# 1 is right at every step has the loss of a wrong one; descending it makes neuron 1, of class 0, fire for class 1, and
# `accuracy_rate` then counts every such sample as wrong. Without `weight` it does not run at all, and of `weight` the
# first two entries are used, whatever the number of classes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet snntorch==1.0.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from snntorch import functional

populations = {"population_code": True, "num_classes": 2}
count_loss = functional.ce_count_loss(**populations)
rate_loss = functional.ce_rate_loss(**populations, weight=torch.ones(2))
label = torch.tensor([1])


def found(spikes):
    losses = [round(float(loss(spikes, label)), 3) for loss in (count_loss, rate_loss)]
    return *losses, float(functional.accuracy_rate(spikes, label, **populations))


right, wrong = torch.zeros(20, 1, 6), torch.zeros(20, 1, 6)
right[:, :, 3:], wrong[:, :, :3] = 1, 1
print("class 1 fires for class 1: count loss, rate loss, accuracy", found(right))
print("class 0 fires for class 1: count loss, rate loss, accuracy", found(wrong))
assert found(right)[0] < found(wrong)[0] and found(right)[1] > found(wrong)[1]

outputs = torch.zeros(6, requires_grad=True)
optimizer = torch.optim.SGD([outputs], 1.0)
for _ in range(100):
    optimizer.zero_grad()
    rate_loss(outputs.sigmoid().expand(20, 1, 6), label).backward()
    optimizer.step()
spikes = outputs.sigmoid().detach().expand(20, 1, 6)
print("rates after descending the rate loss", spikes[0, 0].round(decimals=2).tolist(), "accuracy", found(spikes)[-1])
assert outputs.argmax() == 1 and found(spikes)[-1] == 0
PYTHON
