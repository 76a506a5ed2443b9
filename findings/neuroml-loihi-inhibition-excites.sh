#!/usr/bin/env bash
# neuroml-loihi 1.0.0 (NeuroML2Loihi): an inhibitory synapse excites, unless its name has "inh" in it and it has a weight.
#
# In NeuroML what a synapse does is in its reversal potential, `erev`: at -80 mV an expTwoSynapse pulls a cell that rests
# at -50 mV down. Guess: such a synapse is a negative weight in the network for Loihi, "lowered" from the model. Seen:
# `erev` and `gbase` are read and not used. The sign is that of the synapse's id: with "inh" in it a `connectionWD` is
# negated, and a plain `connection`, all that a network without weights has, is 1 all the same. The same model with
# its synapse called GABA instead of inh makes the cell fire that it should keep silent, and one at 0 mV called
# not_inhibitory keeps silent the cell that it should make fire. No warning.
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
<expTwoSynapse id="{synapse}" gbase="1nS" erev="{erev}mV" tauRise="3ms" tauDecay="10ms"/>
<pulseGenerator id="pulse" delay="0ms" duration="50ms" amplitude="5pA"/>
<network id="network">
<population id="A" component="cell" type="populationList" size="1"><instance id="0"/></population>
<population id="B" component="cell" type="populationList" size="1"><instance id="0"/></population>
<projection id="AB" presynapticPopulation="A" postsynapticPopulation="B" synapse="{synapse}">
<{connection} id="0" preCellId="../A/0/cell" postCellId="../B/0/cell" {attributes}/></projection>
<inputList id="inputs" population="A" component="pulse"><input id="0" target="../A/0/cell"/></inputList>
</network></neuroml>"""
EXPERIMENT = """<Lems><Simulation id="run" length="50ms" step="1ms" target="network">
<OutputFile id="spikes" fileName="spikes.dat"><OutputColumn id="A" quantity="A/0/cell/spike"/>
<OutputColumn id="B" quantity="B/0/cell/spike"/></OutputFile></Simulation></Lems>"""
KINDS = {"connectionWD": 'weight="1" delay="0ms"', "connection": ""}
Path("experiment.xml").write_text(EXPERIMENT)


def spikes(synapse, erev, connection):
    text = MODEL.format(synapse=synapse, erev=erev, connection=connection, attributes=KINDS[connection])
    Path("model.nml").write_text(text)
    config = LEMSParser(Path("experiment.xml")).parse()
    network = Network(graph=NMLParser(Path("model.nml")).parse(), config=config)
    found = Experiment(network=network, backend=SimulatorBackend(config), config=config).execute()["spikes"]
    weight = int(network._adjacency_matrix[0, 1])
    counts = [found["neuron_ids"].count(cell) for cell in (0, 1)]
    print(f"{synapse:14} at {erev:3} mV, {connection:12} weight {weight:2}: A fires {counts[0]} times, B {counts[1]}")
    return weight, counts


exciting = spikes("excites", 0, "connectionWD")
assert exciting[0] == 1 and min(exciting[1]) > 20
assert spikes("inh", -80, "connectionWD") == (-1, [exciting[1][0], 0])
for synapse, erev, connection in ("inh", -80, "connection"), ("GABA", -80, "connectionWD"), ("GABA", -80, "connection"):
    assert spikes(synapse, erev, connection) == exciting
assert spikes("not_inhibitory", 0, "connectionWD") == (-1, [exciting[1][0], 0])
PYTHON
