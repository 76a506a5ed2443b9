#!/usr/bin/env bash
# tinygrad 0.14.0: spikes that are read after the potential has moved on are those of a later step.
#
# Guess: a spike is computed from the potential that stood in its expression, whenever it is read, as lazy libraries keep
# what a pending result needs. Seen: `assign` writes the potential in its place, and a spike that was not realized before
# reads what is there by then. A neuron that realizes its new potential and returns its spikes fires a step early where
# they are read at each step, and never where all steps are stacked and read at the end; counts of the first kind look
# right. Realized before or together with the potential, spikes are right; so they are where the potential is bound
# anew, but then `TinyJit` replays the first potentials for ever. Issue 17074 of tinygrad, open, has it for assignments to
# a part of a tensor.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile tinygrad==0.14.0 numpy==2.4.6
# The device that needs no compiler.
DEV=PYTHON "$folder/venv/bin/python" - <<'PYTHON'
from tinygrad import Tensor, TinyJit

steps = 8


class Neuron:
    """Integrates and subtracts its threshold of 1."""

    def __init__(self, keep):
        self.keep, self.potential = keep, Tensor.zeros(1).contiguous().realize()

    def __call__(self, current):
        charged = self.potential + current
        spikes = (charged >= 1).float()
        self.keep(self, charged - spikes, spikes)
        return spikes


def assigned(neuron, potential, spikes):
    neuron.potential.assign(potential).realize()


def together(neuron, potential, spikes):
    Tensor.realize(spikes, neuron.potential.assign(potential))


def anew(neuron, potential, spikes):
    neuron.potential = potential.realize()


def current():
    return Tensor.full((1,), 0.4).contiguous().realize()


def by_step(keep):
    neuron = Neuron(keep)
    return [int(neuron(current()).item()) for _ in range(steps)]


def at_the_end(keep):
    neuron = Neuron(keep)
    return [int(spike) for spike in Tensor.stack(*[neuron(current()) for _ in range(steps)]).flatten().tolist()]


def by_jit(keep):
    neuron = Neuron(keep)
    step = TinyJit(lambda current: neuron(current).realize())
    return [int(step(current()).item()) for _ in range(steps)]


potential, right = 0.0, []
for _ in range(steps):
    potential += 0.4
    right.append(int(potential >= 1))
    potential -= right[-1]
early, silent = [0, 1, 0, 1, 0, 0, 1, 0], [0] * steps
expected = {assigned: (early, silent, early), together: (right, right, right), anew: (right, right, silent)}
print("by hand", right)
for keep, told in expected.items():
    found = by_step(keep), at_the_end(keep), by_jit(keep)
    print(f"{keep.__name__}: read by step {found[0]}, at the end {found[1]}, by TinyJit {found[2]}")
    assert found == told
assert early[:-1] == right[1:]
PYTHON
