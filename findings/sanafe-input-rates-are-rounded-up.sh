#!/usr/bin/env bash
# sanafe 2.2.9 (SANA-FE): an input's rate is rounded up to 1, 1/2, 1/3, ... and 0.1 is 1/9.
#
# `rate` is "Rate-based input encoding", between 0 and 1. Guess: a rate of 0.7 gives 700 spikes in 1,000 steps, at
# random or evenly. Seen: a spike every int(1 / rate) steps. Every rate above 0.5 is a spike in every step, so that the
# brighter half of an image is one white area; 0.4 is 0.5; and since the attribute goes through single precision, in
# which 0.1 is a little more than 1/10, it fires every ninth step. There are up to twice as many spikes, operations and
# energy.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile sanafe==2.2.9
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sanafe

STEPS = 1000


def spikes(rate):
    chip_of, _ = sanafe.load_example()
    network = sanafe.Network()
    source = network.create_neuron_group("source", 1, model_attributes={"rate": rate}, soma_hw_name="demo_input[0]")
    source[0].map_to_core(chip_of.tiles[0].cores[0])
    chip = sanafe.SpikingChip(chip_of)
    chip.load(network)
    return chip.sim(STEPS)["neurons_fired"]


found = {rate: spikes(rate) for rate in (0.1, 0.15, 0.4, 0.5, 0.55, 0.7, 0.9, 1.0)}
for rate, count in found.items():
    print(f"rate {rate}: {count} spikes in {STEPS} steps, {rate * STEPS:.0f} asked for")
assert found[0.1] == 111 and found[0.4] == 500 and found[0.5] == 500
assert found[0.55] == found[0.7] == found[0.9] == found[1.0] == STEPS
PYTHON
