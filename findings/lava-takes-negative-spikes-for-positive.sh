#!/usr/bin/env bash
# lava-nc 0.10.0: the spikes of -1 of a ternary neuron excite.
#
# Guess: `TernaryLIF` sends -1, 0 and 1, so that behind a weight of 8 a spike of -1 takes 8 away. Seen: `Dense` (and
# Sparse and Conv, in the same words) makes bools of what arrives unless `num_message_bits` is above 0, which is no
# default: -1 is True, and adds 8. No warning, in fixed point as in floating point; with num_message_bits=2 it is -8.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==1.26.4 scipy==1.15.3 networkx==2.8.7 asteval==0.9.33
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps --ignore-requires-python lava-nc==0.10.0
# It asks for Python 3.10; later ones refuse defaults in three dataclasses that only its hardware uses.
sed -i "s/ = ByteEncoder()$//" "$folder"/venv/lib/python3*/site-packages/lava/magma/compiler/var_model.py
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi1SimCfg
from lava.proc.dense.process import Dense
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source
from lava.proc.lif.process import TernaryLIF

source = Source(data=np.array([[-20, 20, 0]]))
neuron, spikes = TernaryLIF(shape=(1,), vth_hi=10, vth_lo=-10, du=4095, dv=0), Sink(shape=(1,), buffer=3)
source.s_out.connect(neuron.a_in)
neuron.s_out.connect(spikes.a_in)
sinks = {}
for name, options in {"by default": {}, "with num_message_bits=2": {"num_message_bits": 2}}.items():
    dense, sinks[name] = Dense(weights=np.array([[8]]), **options), Sink(shape=(1,), buffer=3)
    neuron.s_out.connect(dense.s_in)
    dense.a_out.connect(sinks[name].a_in)
source.run(condition=RunSteps(num_steps=3), run_cfg=Loihi1SimCfg(select_tag="fixed_pt"))
sent = spikes.data.get()[0].astype(int).tolist()
# A spike arrives one step after it is sent.
arrived = {name: sink.data.get()[0, 1:].astype(int).tolist() for name, sink in sinks.items()}
source.stop()
print("the neuron fires", sent[:2], "before a weight of 8; what arrives", arrived)
assert sent == [-1, 1, 0]
assert arrived == {"by default": [8, 8], "with num_message_bits=2": [-8, 8]}
PYTHON
