#!/usr/bin/env bash
# lava-nc 0.10.0: in fixed point, weights of -1, 0 and 1 become -2, 0 and 0.
#
# Guess: a layer of both signs loses its lowest bit towards 0, as in brian2-loihi 0.5.2, where -1 and 1 are both 0; or it
# is scaled by 2, as the documentation of `Dense` says ("the fixed point weight used for inference is scaled by 2"), and
# nothing is lost. Seen: `truncate_weights`, called by Dense, Sparse and their kinds with delays, rounds down: the model
# tagged bit_accurate_loihi has no excitation left of a ternary layer and twice its inhibition, and every odd weight is 1
# lower, on whichever side of 0. With num_weight_bits=4, which is what a 4-bit network would ask for, -1 is -32 and 7 is 0.
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

weights = np.array([[-1], [0], [1], [-3], [3], [-7], [7]])
source = Source(data=np.array([[1, 0]]))
sinks = {}
for bits in (8, 4):
    dense, sinks[bits] = Dense(weights=weights, num_weight_bits=bits), Sink(shape=(7,), buffer=2)
    source.s_out.connect(dense.s_in)
    dense.a_out.connect(sinks[bits].a_in)
source.run(condition=RunSteps(num_steps=2), run_cfg=Loihi1SimCfg(select_tag="fixed_pt"))
# What a spike of the first step adds arrives in the second.
arrived = {bits: sink.data.get()[:, 1].astype(int).tolist() for bits, sink in sinks.items()}
source.stop()
print("weights", weights[:, 0].tolist())
print("one spike adds, by num_weight_bits,", arrived)
assert arrived == {8: [-2, 0, 0, -4, 2, -8, 6], 4: [-32, 0, 0, -32, 0, -32, 0]}
PYTHON
