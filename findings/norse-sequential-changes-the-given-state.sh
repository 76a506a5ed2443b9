#!/usr/bin/env bash
# Norse 1.1: `SequentialState` changes the state that it is given.
#
# Guess: state goes in and state comes out, "functional" as all of Norse is: who keeps the states of a run has one for
# each step, and who runs on from a state twice gets the same twice. Seen: the list of states that comes in is filled
# with the new ones and returned, so that every state of a run that is kept is the last one, and a second run from the
# same state starts where the first one ended. A single neuron does neither: its states are tuples.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 nirtorch==2.6 nir==1.0.8 numpy==2.4.6 h5py==3.16.0 matplotlib==3.11.2
"$folder/venv/bin/pip" install --quiet --no-deps norse==1.1.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import norse.torch as norse
import torch

torch.set_grad_enabled(False)
steps = torch.full((4, 1, 1), 0.1)


def kept(network, potential):
    state, states = None, []
    for step in steps:
        _, state = network(step, state)
        states.append(state)
    return [round(float(potential(state)), 4) for state in states]


def twice(network, potential):
    _, state = network(steps[0])
    return [round(float(potential(network(steps[1], state)[1])), 4) for _ in range(2)]


cell = norse.LIFCell(), lambda state: state.v
sequential = norse.SequentialState(norse.LIFCell()), lambda state: state[0].v
print("potentials of the states that were kept: alone", kept(*cell), "in a SequentialState", kept(*sequential))
print("two runs from the same state: alone", twice(*cell), "in a SequentialState", twice(*sequential))
assert len(set(kept(*cell))) == 4 and kept(*sequential) == 4 * kept(*cell)[-1:]
assert len(set(twice(*cell))) == 1 and len(set(twice(*sequential))) == 2
PYTHON
