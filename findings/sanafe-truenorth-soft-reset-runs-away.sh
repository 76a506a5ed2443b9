#!/usr/bin/env bash
# sanafe 2.2.9 (SANA-FE): a soft reset at TrueNorth's negative threshold makes the potential more negative, for ever.
#
# Guess: below a reverse_threshold of -5 a soft reset takes -5 away, as at the positive one, and as the model
# "leaky_integrate_fire" of the same simulator does: -6 becomes -1. Seen: the model "truenorth" adds -5 where it should
# subtract it: -6 becomes -11, then -16 without any input, and so on. A neuron inhibited once is lost. A positive
# reverse_threshold is no way out, since every potential below it would meet it.
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

lif = (files("sanafe.examples") / "example_chip.yaml").read_text()
Path("lif.yaml").write_text(lif)
Path("truenorth.yaml").write_text(lif.replace("model: leaky_integrate_fire", "model: truenorth"))


def potentials(chip_file):
    architecture, network = sanafe.load_arch(chip_file), sanafe.Network()
    source = network.create_neuron_group("source", 1, {"spikes": [1, 0, 0, 0, 0]}, soma_hw_name="demo_input[0]")
    attributes = {"threshold": 10, "reverse_threshold": -5, "reverse_reset_mode": "soft"}
    neuron = network.create_neuron_group("neuron", 1, attributes, log_potential=True)
    source[0].connect_to_neuron(neuron[0], {"weight": -6})
    for one in (source[0], neuron[0]):
        one.map_to_core(architecture.tiles[0].cores[0])
    chip = sanafe.SpikingChip(architecture)
    chip.load(network)
    return [step[0] for step in chip.sim(5, potential_trace=True)["potential_trace"]]


found = {name: potentials(f"{name}.yaml") for name in ("lif", "truenorth")}
print(found)
assert found["lif"] == [0, -1, -1, -1, -1]
assert found["truenorth"] == [0, -11, -16, -21, -26]
PYTHON
