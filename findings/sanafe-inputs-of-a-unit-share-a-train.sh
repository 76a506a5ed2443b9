#!/usr/bin/env bash
# sanafe 2.2.9 (SANA-FE): input neurons on one unit share one spike train, and its spikes are dealt out among them.
#
# Two inputs get a train each and are mapped to the same input unit of a core, as LIF neurons share a soma unit. Guess:
# each plays its own train, or the second mapping is refused. Seen: the unit keeps `spikes`, not the neuron: the second
# train replaces the first, and every step takes two of its elements, one for each neuron. Here the first neuron, which
# has four spikes, is silent, and the second fires in step 3 instead of step 6. Every input needs a unit of its own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile sanafe==2.2.9
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sanafe

TRAINS = [1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 1]


def steps_of_spikes(units):
    architecture, _ = sanafe.load_example()
    network = sanafe.Network()
    sources = network.create_neuron_group("in", 2, log_spikes=True)
    for source, train, unit in zip(sources, TRAINS, units):
        source.set_attributes(soma_hw_name=unit, model_attributes={"spikes": train})
        source.map_to_core(architecture.tiles[0].cores[0])
    chip = sanafe.SpikingChip(architecture)
    chip.load(network)
    trace = chip.sim(6, spike_trace=True)["spike_trace"]
    return [[t + 1 for t, fired in enumerate(trace) if f"in.{k}" in map(str, fired)] for k in range(2)]


apart = steps_of_spikes(["demo_input[0]", "demo_input[1]"])
shared = steps_of_spikes(["demo_input[0]", "demo_input[0]"])
print("a unit each:", apart)
print("one unit:   ", shared)
assert apart == [[1, 2, 3, 4], [6]]
assert shared == [[], [3]]
PYTHON
