#!/usr/bin/env bash
# lava-nc 0.10.0: `Conv` takes `weight_exp` and `num_weight_bits`, and neither does anything.
#
# Guess: a 1 x 1 convolution on one pixel is a Dense with the same weights; in fixed point both apply "weight * pow(2,
# weight_exp)" and the bits of the weight, as both documentations say. Seen: `PyConvModelFixed` reads both and uses none:
# the same weights with an exponent of 4 are 16 times larger behind a Dense; a convolution simulated at 4 bits has whatever
# weights it was given, also such as no 8 bits hold. Of the exponent there is an open issue of its repository (803).
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
from lava.proc.conv.process import Conv
from lava.proc.dense.process import Dense
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source

weights = np.array([64, -64, 96, -96, 100, 1000])
source = Source(data=np.array([[1, 0]]))
dense = Dense(weights=weights[:, None], weight_exp=4, num_weight_bits=4)
conv = Conv(weight=weights.reshape(6, 1, 1, 1), input_shape=(1, 1, 1), weight_exp=4, num_weight_bits=4)
sinks = {"Dense": Sink(shape=(6,), buffer=2), "Conv": Sink(shape=(1, 1, 6), buffer=2)}
source.s_out.connect(dense.s_in)
source.s_out.reshape(new_shape=(1, 1, 1)).connect(conv.s_in)
dense.a_out.connect(sinks["Dense"].a_in)
conv.a_out.connect(sinks["Conv"].a_in)
source.run(condition=RunSteps(num_steps=2), run_cfg=Loihi1SimCfg(select_tag="fixed_pt"))
# What a spike of the first step adds arrives in the second.
arrived = {name: sink.data.get().reshape(6, 2)[:, 1].astype(int).tolist() for name, sink in sinks.items()}
source.stop()
print("weights", weights.tolist(), "with weight_exp=4, num_weight_bits=4")
print("one spike adds", arrived)
assert arrived == {"Dense": [1024, -1024, 1536, -1536, 1536, 3584], "Conv": weights.tolist()}
PYTHON
