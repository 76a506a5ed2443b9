#!/usr/bin/env bash
# neuroml-loihi 1.0.0 (NeuroML2Loihi): of several synapses between two cells the last in the file is left.
#
# Two cells often have more than one: C. elegans', its flagship, are counted in contacts, and a cell may excite and inhibit
# another by two projections. Their conductances add up. Guess: the weights of a pair add up, and the graph that it parses
# is a "MultiDiGraph" with an edge for each. Seen: the graph has them all, and the matrix made of it is written
# once an edge, each over the one before. Ten contacts of weight 1 are one, which starts the cell ten steps later than
# one of weight 10; 10 in and 1 against is -1, a cell that is silent, and is 10 with the two projections exchanged in the
# file. It logs as many edges as there are. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==1.26.4 scipy==1.15.3 networkx==2.8.7 asteval==0.9.33
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps --ignore-requires-python lava-nc==0.10.0 neuroml-loihi==1.0.0
# It asks for Python 3.10; later ones refuse defaults in three dataclasses that only its hardware uses.
sed -i "s/ = ByteEncoder()$//" "$folder"/venv/lib/python3*/site-packages/lava/magma/compiler/var_model.py
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from pathlib import Path

from neuroml2loihi.backends import SimulatorBackend
from neuroml2loihi.experiments import Experiment
from neuroml2loihi.networks import Network
from neuroml2loihi.parsers import LEMSParser, NMLParser

MODEL = """<neuroml xmlns="http://www.neuroml.org/schema/neuroml2" id="model">
<iafCell id="cell" leakConductance="0.1nS" leakReversal="-50mV" thresh="-30mV" reset="-50mV" C="3pF"/>
<expTwoSynapse id="exc" gbase="1nS" erev="0mV" tauRise="3ms" tauDecay="10ms"/>
<expTwoSynapse id="inh" gbase="1nS" erev="-80mV" tauRise="3ms" tauDecay="10ms"/>
<pulseGenerator id="pulse" delay="0ms" duration="50ms" amplitude="5pA"/>
<network id="network">
<population id="A" component="cell" type="populationList" size="1"><instance id="0"/></population>
<population id="B" component="cell" type="populationList" size="1"><instance id="0"/></population>
{projections}
<inputList id="inputs" population="A" component="pulse"><input id="0" target="../A/0/cell"/></inputList>
</network></neuroml>"""
PROJECTION = '<projection id="{}" presynapticPopulation="A" postsynapticPopulation="B" synapse="{}">{}</projection>'
CONTACT = '<connectionWD id="{}" preCellId="../A/0/cell" postCellId="../B/0/cell" weight="{}" delay="0ms"/>'
EXPERIMENT = """<Lems><Simulation id="run" length="50ms" step="1ms" target="network">
<OutputFile id="spikes" fileName="spikes.dat"><OutputColumn id="A" quantity="A/0/cell/spike"/>
<OutputColumn id="B" quantity="B/0/cell/spike"/></OutputFile></Simulation></Lems>"""
Path("experiment.xml").write_text(EXPERIMENT)


def run(name, *projections):
    text = "\n".join(
        PROJECTION.format(i, synapse, "".join(CONTACT.format(j, weight) for j, weight in enumerate(weights)))
        for i, (synapse, weights) in enumerate(projections)
    )
    Path("model.nml").write_text(MODEL.format(projections=text))
    config = LEMSParser(Path("experiment.xml")).parse()
    graph = NMLParser(Path("model.nml")).parse()
    network = Network(graph=graph, config=config)
    found = Experiment(network=network, backend=SimulatorBackend(config), config=config).execute()["spikes"]
    steps = [round(1000 * t) for cell, t in zip(found["neuron_ids"], found["timestamps"], strict=True) if cell == 1]
    weight = int(network._adjacency_matrix[0, 1])
    print(f"{name}: {graph.number_of_edges()} edges, weight {weight}, B fires {len(steps)} times, first in {steps[:1]}")
    return weight, steps


one, ten = run("one of weight 1", ("exc", [1])), run("one of weight 10", ("exc", [10]))
assert one[0] == 1 and ten[0] == 10 and ten[1][0] < one[1][0]
assert run("ten of weight 1", ("exc", [1] * 10)) == one
assert run("10 in, 1 against", ("exc", [10]), ("inh", [1])) == (-1, [])
assert run("1 against, 10 in", ("inh", [1]), ("exc", [10])) == ten
PYTHON
