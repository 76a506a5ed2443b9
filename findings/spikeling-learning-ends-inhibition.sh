#!/usr/bin/env bash
# spikeling 1.0.2: an inhibitory synapse inhibits once in a network that learns, and is silent from then on.
#
# A negative weight is "an INHIBITORY synapse" in its language, by which "one neuron can veto" another, and learn=STDP
# changes weights by their rate, here 0.01. Guess: a weight of -2 becomes about -1.99 or -2.01. Seen: each weight is cut to 0
# to 1 when it learns. -2 is 0 after the first spike that passes, whatever the timing, and what the synapse should veto
# fires as if it were not there; a weight of 3 is 1, which no longer drives its neuron over a threshold of 100 by itself.
# Without learn=STDP both stay as they are. The C code that it writes cuts alike. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps spikeling==1.0.2
cd "$folder"
PYTHONPATH=$(echo "$folder"/venv/lib/python3*/site-packages/core) "$folder/venv/bin/python" -W ignore - <<'PYTHON'
from compiler.compiler import SpikelingParser
from runtime.runtime import SpikelingRuntime

NETWORK = """
neuron Veto threshold=40 leak=0
neuron Drive threshold=40 leak=0
neuron Target threshold=40 leak=0
neuron Strong threshold=100 leak=0
connect Veto -> Target weight=-2
connect Drive -> Strong weight=3
refractory=0ms
"""


def run(source):
    network = SpikelingRuntime(SpikelingParser().parse(source))
    target, strong = [], []
    for trial in range(5):
        now = 1000.0 * trial
        for neuron in network.neurons.values():
            neuron.membrane_potential = 0.0
        counts = {name: network.neurons[name].fire_count for name in ("Target", "Strong")}
        network.stimulate("Veto", now)
        network.stimulate("Target", now + 1)
        network.stimulate("Drive", now + 2)
        target.append(network.neurons["Target"].fire_count - counts["Target"])
        strong.append(network.neurons["Strong"].fire_count - counts["Strong"])
    return target, strong, [synapse.weight for synapse in network.synapses]


for name, source in ("without learning", NETWORK), ("learn=STDP rate=0.01", NETWORK + "learn=STDP rate=0.01\n"):
    target, strong, weights = run(source)
    print(f"{name}: the neuron with a veto fires {target}, the one with a strong drive {strong}, weights {weights}")
    if source is NETWORK:
        assert target == [0] * 5 and strong == [1] * 5 and weights == [-2, 3]
    else:
        assert target == [0, 1, 1, 1, 1] and strong == [1, 0, 0, 0, 0] and 0 <= min(weights) < 0.05 and max(weights) <= 1
PYTHON
