#!/usr/bin/env bash
# thrindex 0.5.0: an input of 0.5 or less, or below 0, costs no operation and no energy, and drives the network all the same.
#
# Its simulator counts the synaptic operations of a run and turns them into a "modeled energy" of 0.5 pJ each. Guess: an
# input that is not 0 costs one operation for each of its synapses, and if graded inputs do not count, none of them does.
# Seen: an input counts where it is above 0.5. A picture that is fed as it is in each step, as direct coding does, is free
# in its dark half; with all pixels at 0.4 the network fires as its layers say and has an energy of 0.00 nJ, at 0.6 it pays
# for each pixel, and at -1 it pays nothing and fires most. Whether direct or rate coding is cheaper is then a matter of
# how bright the data happens to be. Spikes of 0 and 1 are counted right. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps thrindex==0.5.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import thrindex
import torch
from thrindex import _core, snn

torch.manual_seed(0)
STEPS, PIXELS, NEURONS = 25, 64, 32
model = snn.Sequential(snn.Dense(PIXELS, NEURONS), snn.LIF(threshold=0.3, tau_mem=5.0))
thrindex.compile(model, "model.thx")


def run(name, inputs):
    outputs, stats, transcript = _core.run_sim("model.thx", inputs.permute(1, 0, 2).tolist())
    assert torch.equal(torch.tensor(outputs).permute(1, 0, 2), model(inputs))
    energy = next(line for line in transcript.splitlines() if "modeled energy" in line)
    energy = energy.split(":")[1].split("(")[0].strip()
    operations, driven = int(stats["synaptic_ops"]), int((inputs != 0).sum()) * NEURONS
    print(f"{name}: {int(stats['total_spikes'])} spikes, {operations} operations, {driven} of inputs other than 0, {energy}")
    return operations, driven, energy, stats["total_spikes"]


def constant(value):
    return torch.full((STEPS, 1, PIXELS), value)


picture = torch.rand(1, 1, PIXELS).expand(STEPS, 1, PIXELS)
operations, driven, _, _ = run("rate-coded picture", torch.bernoulli(picture))
assert operations == driven
operations, driven, _, _ = run("the picture in each step", picture)
assert operations == int((picture > 0.5).sum()) * NEURONS < 0.7 * driven
for value in (0.4, 0.5, 0.6, -1.0):
    operations, driven, energy, spikes = run(f"all pixels at {value}", constant(value))
    assert spikes > 0 and operations == (driven if value > 0.5 else 0)
    assert (energy == "0.00 nJ") == (value <= 0.5)
PYTHON
