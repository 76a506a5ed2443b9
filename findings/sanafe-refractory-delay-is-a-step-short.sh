#!/usr/bin/env bash
# sanafe 2.2.9 (SANA-FE): a refractory delay of n holds for n - 1 steps, and one of 1 for none.
#
# `refractory_delay` is "The number of refractory steps after a spike, default=0". Guess: with a bias above the
# threshold a neuron fires every n + 1 steps. Seen: the count goes down already in the step of the spike itself, so
# that it fires every n steps, and 0 and 1 are the same. A network with a refractory period of one step, taken over as
# documented, can fire twice as often as it did.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile sanafe==2.2.9
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sanafe

STEPS = 60


def spikes(delay):
    architecture, _ = sanafe.load_example()
    network = sanafe.Network()
    attributes = {"threshold": 0.5, "bias": 1.0, "refractory_delay": delay}
    neuron = network.create_neuron_group("neuron", 1, model_attributes=attributes)
    neuron[0].map_to_core(architecture.tiles[0].cores[0])
    chip = sanafe.SpikingChip(architecture)
    chip.load(network)
    return chip.sim(STEPS)["neurons_fired"]


found = {delay: spikes(delay) for delay in (0, 1, 2, 3)}
for delay, count in found.items():
    print(f"refractory_delay {delay}: {count} spikes in {STEPS} steps; {STEPS // (delay + 1)} as documented")
assert found == {0: 60, 1: 60, 2: 30, 3: 20}
PYTHON
