#!/usr/bin/env bash
# snnTorch 1.0.0: `mse_temporal_loss(multi_spike=True)` loses second spikes of a neuron, to first spikes of all others.
#
# Guess: times of the first and the second spike of each neuron of each sample are compared with the targets, so that a
# network that hits them all has a loss of 0. Seen: before the second spikes are looked for, the first ones are removed
# by `spikes[times] = 0`, which indexes steps: a step in which any neuron of any sample of the batch fired first is
# emptied for all. Two neurons that fire exactly when they should have a loss, the loss of a sample depends on what else
# is in its batch, and a silent neuron empties the last step.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet snntorch==1.0.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import snntorch.functional
import torch

loss = snntorch.functional.mse_temporal_loss(on_target=[1, 3], off_target=[3, 5], multi_spike=True)
labels = torch.tensor([0, 1])
spikes = torch.zeros(10, 2, 2)
for sample, label in enumerate(labels):
    spikes[[1, 3], sample, label] = 1
    spikes[[3, 5], sample, 1 - label] = 1
times, targets = loss.spk_time_fn(spikes, labels)
print("targets, by spike, sample and neuron:", targets.int().tolist())
print("found:                               ", times.int().tolist(), "loss", float(loss(spikes, labels)))
assert torch.equal(times[0], targets[0])
assert times[1].tolist() == [[9, 5], [5, 9]]

spikes = torch.zeros(10, 2, 1)
spikes[[1, 3], 0] = 1
spikes[[3, 5], 1] = 1
alone, beside = (
    loss.spk_time_fn(part, torch.zeros(part.shape[1], dtype=int))[0][:, 0, 0].tolist() for part in (spikes[:, :1], spikes)
)
print("spikes of one neuron at 1 and 3, alone:", alone, "beside a sample with spikes at 3 and 5:", beside)
assert alone == [1, 3] and beside == [1, 9]
PYTHON
