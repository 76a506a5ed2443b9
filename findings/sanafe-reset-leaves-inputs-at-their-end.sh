#!/usr/bin/env bash
# sanafe 2.2.9 (SANA-FE): after a reset the inputs are silent.
#
# SpikingChip.reset() is documented to "Reset all neuron states and hardware buffers to initial conditions". Guess: the
# same 6 steps after it give the same spikes as before, so that a chip can be measured sample by sample. Seen:
# potentials become 0, but an input goes on in its spike train where it was, here behind its end, and steps are
# numbered on. The second run has no spike at all, and costs only what an idle chip costs. A chip built anew gives the
# first run's numbers.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile sanafe==2.2.9
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sanafe

STEPS = 6


def built():
    architecture, _ = sanafe.load_example()
    network = sanafe.Network()
    source = network.create_neuron_group("in", 1, {"spikes": [1, 0, 1, 1, 0, 0]}, soma_hw_name="demo_input[0]")
    neuron = network.create_neuron_group("out", 1, {"threshold": 0.5})
    source[0].connect_to_neuron(neuron[0], {"weight": 1.0})
    for one in (source[0], neuron[0]):
        one.map_to_core(architecture.tiles[0].cores[0])
    chip = sanafe.SpikingChip(architecture)
    chip.load(network)
    return chip


def measured(chip):
    result = chip.sim(STEPS)
    return result["neurons_fired"], round(result["energy"]["total"] * 1e12)


chip = built()
first = measured(chip)
chip.reset()
found = {"first run": first, "after a reset": measured(chip), "built anew": measured(built())}
for name, (spikes, energy) in found.items():
    print(f"{name}: {spikes} spikes, {energy} pJ")
assert found == {"first run": (6, 690), "after a reset": (0, 120), "built anew": (6, 690)}
PYTHON
