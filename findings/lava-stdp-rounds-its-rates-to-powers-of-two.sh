#!/usr/bin/env bash
# lava-nc 0.10.0: `STDPLoihi` learns with other rates than those given, in floating point too.
#
# Guess: a spike 3 steps after its input changes the weight by learning_rate * A_plus * impulse * exp(-3 / tau). Seen: learning
# rate, A_plus and A_minus each become a whole number times the nearest power of two, 0.05 is 0.0625, 0.3 is 0.25, 1.4 is 1,
# 1.45 is 2 and 3.9 is 3, before the rule is written down as a text. Rules whose depression outweighs their potentiation by
# 5% have them equal, those with 1.4 and 1.45 have one twice the other. It is so in the floating-point model as well, where a
# rate could be kept. No warning.
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
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.dense.process import LearningDense
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source
from lava.proc.learning_rules.stdp_learning_rule import STDPLoihi

STEPS, APART, TAU, IMPULSE = 10, 3, 10.0, 16
PAIR = IMPULSE * np.exp(-APART / TAU)


def learned(rates, inputs, spikes):
    """What a pair of spikes changes a weight by, over what it changes it by at a rate of 1."""
    learning_rate, plus, minus = rates
    rule = STDPLoihi(learning_rate, plus, minus, TAU, TAU, t_epoch=1, x1_impulse=IMPULSE, y1_impulse=IMPULSE)
    synapse, sink = LearningDense(weights=np.array([[50.0]]), learning_rule=rule), Sink(shape=(1,), buffer=STEPS)
    for step, port in (inputs, synapse.s_in), (spikes, synapse.s_in_bap):
        Source(data=np.eye(STEPS)[None, step]).s_out.connect(port)
    synapse.a_out.connect(sink.a_in)
    synapse.run(condition=RunSteps(num_steps=STEPS), run_cfg=Loihi2SimCfg(select_tag="floating_pt"))
    change = synapse.weights.get()[0, 0] - 50.0
    synapse.stop()
    return float(change / PAIR)


for given, used in (1.0, 1.0), (0.05, 0.0625), (0.3, 0.25), (1.4, 1.0), (1.45, 2.0), (3.9, 3.0):
    found = learned((given, 1.0, -1.0), 3, 3 + APART)
    print(f"learning rate {given}: learns as with {found:.4f}")
    assert abs(found - used) < 1e-6
rates = (1.0, 1.0, -1.05)
up, down = learned(rates, 3, 3 + APART), learned(rates, 3 + APART, 3)
print(f"A_plus 1, A_minus -1.05: {up:+.4f} and {down:+.4f}")
assert abs(up - 1) < 1e-6
assert abs(down + 1) < 1e-6
PYTHON
