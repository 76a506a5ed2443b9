#!/usr/bin/env bash
# sanafe 2.2.9 (SANA-FE): a delayed spike is lost, unless another one comes in the very step in which it arrives.
#
# `delay` is "Time-steps that a spike is delayed", and the Loihi that comes with the package has a dendrite for it.
# Guess: a spike of weight 1 adds 1 to the potential, `delay` steps later. Seen: nothing arrives, not even with a delay
# of 0, nor with update_every_timestep: true, as the example chip has it for its dendrite; and yet the synapse and the
# message are paid for in energy. Only a spike that happens to come at the right time takes the waiting one along, so
# that under a train with a spike in every step the delay looks right (and is one step longer than said).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile sanafe==2.2.9
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.resources import files
from pathlib import Path

import sanafe

MODEL, STEPS = "model: accumulator_with_delay\n", 12
loihi = (files("sanafe.examples") / "loihi.yaml").read_text().replace("[0..1023]", "[0..3]")  # It loads faster.
Path("loihi.yaml").write_text(loihi)
Path("every-step.yaml").write_text(loihi.replace(MODEL, MODEL + 16 * " " + "update_every_timestep: true\n"))


def arrived(chip_file, train, **edge):
    architecture, network = sanafe.load_arch(chip_file), sanafe.Network()
    source = network.create_neuron_group("source", 1, {"spikes": train}, soma_hw_name="loihi_inputs[0]")
    dendrite = "loihi_dendrites_delay" if "delay" in edge else "loihi_dendrites"
    units = {"default_dendrite_hw_name": dendrite, "soma_hw_name": "loihi_lif"}
    neuron = network.create_neuron_group("neuron", 1, {"threshold": 1000}, log_potential=True, **units)
    source[0].connect_to_neuron(neuron[0], {"weight": 1.0, **edge})
    for one in (source[0], neuron[0]):
        one.map_to_core(architecture.tiles[0].cores[0])
    chip = sanafe.SpikingChip(architecture)
    chip.load(network)
    result = chip.sim(STEPS, potential_trace=True)
    return result["potential_trace"][-1][0], result["energy"]["synapse"]


lone, dense = [1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0], [1] * STEPS
for chip_file in ("loihi.yaml", "every-step.yaml"):
    plain, energy = arrived(chip_file, lone)
    late = [arrived(chip_file, lone, delay=delay) for delay in (0, 3, 4)]
    print(f"{chip_file}: of 3 spikes {plain:.0f} arrive without a delay, with 0, 3 and 4", [int(v) for v, _ in late])
    assert plain == 3 and [v for v, _ in late] == [0, 0, 1]
    # With 4, the second spike arrives as the third one comes.
    assert all(cost == energy > 0 for _, cost in late), "what is lost is no longer counted"
print("of 12 spikes, one a step:", [int(arrived("loihi.yaml", dense, delay=delay)[0]) for delay in (0, 3)])
assert arrived("loihi.yaml", dense, delay=3)[0] == 7
PYTHON
