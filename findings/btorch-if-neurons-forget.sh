#!/usr/bin/env bash
# btorch 0.1.0: an integrate-and-fire neuron does not integrate, it doubles its input and compares that.
#
# `IF` "integrates input current linearly without decay: dV/dt = I / c_m". Guess: with 0.3 in each step of 1 ms it fires in
# the fourth step, as `LIF` with a very long time constant does. Seen: Euler's step is taken from the input, not from the
# potential: v = I + dt I / c_m, and the potential of the step before is lost. 0.3 gives 0.6 for ever and never fires; 0.5
# fires in every step, where one spike in two is right. Input of half a threshold and more is a spike, all else is
# silence: a network of these neurons has no memory, its rates are 0 or 1, and no time constant or longer run changes it.
# A soft reset leaves nothing behind either. `LIF` is right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 jaxtyping==0.3.11
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps btorch==0.1.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from btorch.models import environ, functional
from btorch.models.neurons.lif import IF, LIF


def run(neuron, current):
    """Spikes and potentials in twelve steps."""
    functional.init_net_state(neuron)
    with environ.context(dt=1.0):
        steps = [(neuron(torch.full((1,), current)).item(), neuron.v.item()) for _ in range(12)]
    return [int(spike) for spike, _ in steps], [round(v, 2) for _, v in steps]


for current in 0.3, 0.5:
    found, right = run(IF(1), current), run(LIF(1, tau=1e9), current)
    print(f"IF, {current} a step: spikes {found[0]}, potentials {found[1][:5]}")
    print(f"LIF, tau 1e9:      spikes {right[0]}, potentials {right[1][:5]}")
    assert len(set(found[1])) == 1 and 3 <= sum(right[0]) <= 6
    assert sum(found[0]) == (12 if current == 0.5 else 0)
PYTHON
