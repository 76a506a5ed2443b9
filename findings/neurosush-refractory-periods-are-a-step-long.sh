#!/usr/bin/env bash
# neurosush 0.5.0: at a step of 0.1 ms most refractory periods are one step longer than asked for.
#
# `Refractory(period)` holds a neuron "for the next ceil(period / dt) steps", and the package promises that every model is
# checked against its mathematics. Guess: with dt=0.1 a period of 3 ms is 30 steps. Seen: 31. Time that is left is counted
# down in float32, the default, and is taken for over below 1e-9; after some steps of 0.1 what is left is 1e-8 to 1e-6
# in place of 0. Of the periods from 0.1 to 10 ms, 77 of 100 are a step too long: from 0.3 to 0.6, and from 2.4 to 9.6.
# At dt=0.5 and 1, and in float64, all are right, so a test with whole steps does not see it. Highest rates are lower by
# that step: 20 % at a period of 0.3 ms.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps neurosush==0.5.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from neurosush.core.behavior import Behavior
from neurosush.core.network import Network, NeuronGroup
from neurosush.core.order import Order
from neurosush.neurons.models import LIF, Fire, Refractory


class Drive(Behavior):
    """Lifts potentials above the threshold in each step."""

    order = Order.NOISE

    def forward(self, group):
        group.v = group.v + 100.0


def held(period, dt, dtype=torch.float32):
    """For how many steps a neuron that would fire in each step does not."""
    network = Network(dt=dt, seed=0, dtype=dtype)
    neuron = LIF(tau=10.0, threshold=1.0, v_reset=0.0, v_rest=0.0)
    group = NeuronGroup(network, 1, [neuron, Drive(), Refractory(period), Fire()])
    network.initialize()
    fired = []
    while len(fired) < 2:
        network.step()
        fired.append(network.iteration) if group.spikes.any() else None
    return fired[1] - fired[0] - 1


tenths = {k: held(k / 10, 0.1) for k in range(1, 101)}
longer = [k for k, steps in tenths.items() if steps != k]
print(f"dt 0.1: 3 ms are {tenths[30]} steps; {len(longer)} of 100 periods are wrong, in tenths of a ms:", longer)
assert longer == [*range(3, 7), *range(24, 97)] and all(tenths[k] == k + 1 for k in longer)
assert all(held(k * dt, dt) == k for dt in (0.5, 1.0) for k in (1, 3, 6, 24, 30, 96))
assert all(held(k / 10, 0.1, torch.float64) == k for k in (3, 6, 24, 30, 96))
PYTHON
