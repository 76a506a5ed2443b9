#!/usr/bin/env bash
# sanafe 2.2.9 (SANA-FE): the potential of a "leaky_integrate_fire" neuron is cut to 64ths, whatever its unit is.
#
# The model is documented as v[t+1] = bias + v[t] * leak_decay + u[t], with real-valued weights, and the examples of
# its layers have weights of 0.05 and 0.1 with a threshold of 1. Guess: it is computed in floating point. Seen: at the
# start of each step v is cut towards 0 to a multiple of 1/64, Loihi's grid where weights are whole numbers. With a
# threshold of 1, inputs of 0.015 a step never add up and 0.03 comes in as 0.0156. The soma of any chip that is
# described with this model does it, not only Loihi's.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile sanafe==2.2.9
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sanafe

STEPS, THRESHOLD = 1000, 1.0


def spikes(bias):
    architecture, _ = sanafe.load_example()
    network = sanafe.Network()
    attributes = {"threshold": THRESHOLD, "bias": bias, "reset_mode": "soft"}
    neuron = network.create_neuron_group("neuron", 1, model_attributes=attributes)
    neuron[0].map_to_core(architecture.tiles[0].cores[0])
    chip = sanafe.SpikingChip(architecture)
    chip.load(network)
    return chip.sim(STEPS)["neurons_fired"]


def computed(bias, grid):
    potential, count = 0.0, 0
    for _ in range(STEPS):
        potential = (int(potential * 64) / 64 if grid else potential) + bias
        if potential > THRESHOLD:
            potential, count = potential - THRESHOLD, count + 1
    return count


for bias in (0.01, 0.015, 0.03, 0.06, 0.1):
    real, grid, found = computed(bias, False), computed(bias, True), spikes(bias)
    print(f"bias {bias}: {found} spikes in {STEPS} steps; {real} as documented, {grid} in 64ths")
    assert abs(found - grid) <= 1 < real - found
assert spikes(0.015) == 0
PYTHON
