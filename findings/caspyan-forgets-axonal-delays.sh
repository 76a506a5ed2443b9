#!/usr/bin/env bash
# casPYan 0.2.2: the delays of neurons in a TENNLab network are read and written, and delay nothing.
#
# A network document gives each node a threshold, a leak and a delay (the axon's), and each edge a weight and a delay.
# Guess: a spike takes the delay of its neuron and then that of the synapse. Seen: it takes that of the synapse only. The
# node keeps its delay, and `to_tennlab` writes it back, so that a document looks as if it was run. Spikes that should meet
# at a neuron miss each other: of two ways of 3 steps to one neuron, the one by an axon is 3 steps early, and a neuron
# that needs both does not fire. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile caspyan==0.2.2
"$folder/venv/bin/python" - <<'PYTHON'
from casPYan.network import DEFAULT_CASPIAN_PROPERTIES, to_tennlab
from casPYan.processor import Processor

THRESHOLD, LEAK, DELAY = 0, 1, 2


def document(delays, threshold):
    """Two inputs, one output; delays of axon and synapse for each input."""
    node = lambda number, values: {"id": number, "values": values}
    nodes = [node(i, [0, -1, axon]) for i, (axon, _) in enumerate(delays)] + [node(2, [threshold, 0, 0])]
    edges = [{"from": i, "to": 2, "values": [1, synapse]} for i, (_, synapse) in enumerate(delays)]
    return {**DEFAULT_CASPIAN_PROPERTIES, "Nodes": nodes, "Edges": edges, "Inputs": [0, 1], "Outputs": [2]}


def output(delays, threshold):
    """Steps at which the output fires when both inputs are excited in step 0."""
    processor = Processor()
    processor.load_json(document(delays, threshold))
    processor.apply_spikes([[(1, 0)], [(1, 0)]])
    processor.run(12)
    written = to_tennlab(processor.nodes, processor.inputs, processor.outputs)["Nodes"]
    assert [each["values"][DELAY] for each in written] == [axon for axon, _ in delays] + [0]
    return processor.vectors[2]


found = {}
cases = {"both synapses": ((0, 3), (0, 3)), "both axons": ((3, 0), (3, 0)), "one of each": ((3, 0), (0, 3))}
for name, delays in cases.items():
    found[name] = output(delays, 0), output(delays, 1)
    print(f"3 steps by {name}: fires in steps {found[name][0]}; if it needs both: {found[name][1]}")
assert found == {"both synapses": ([5], [5]), "both axons": ([2], [2]), "one of each": ([2, 5], [])}
PYTHON
