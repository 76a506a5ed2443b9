#!/usr/bin/env bash
# snnTorch 1.0.0: graded spikes of a `StateLeaky` are the square of what was asked for, and its beta is no decay.
#
# Guess: `graded_spikes_factor=2` makes spikes of 2, "output spikes are scaled by this value", as in a `Leaky`; and
# with beta = 0.5, the "membrane potential decay rate", half of a potential is left after a step. Seen: spikes are
# multiplied by the factor twice, 4 in place of 2 and 0.25 in place of 0.5. And what is left is exp(-(1 - beta)): 0.61
# at beta = 0.5, and 0.37 at beta = 0, of which the documentation has the two formulas that it comes from.
# `LinearLeaky` is the same. A network of `Leaky` whose neurons are exchanged for the parallel `StateLeaky`, even
# without any reset, is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 snntorch==1.0.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import snntorch
import torch

impulse = torch.zeros(3, 1, 1)
impulse[0] = 2


def leaky(factor, beta):
    neuron = snntorch.Leaky(beta=beta, graded_spikes_factor=factor, reset_mechanism="none")
    membrane, spikes, potentials = torch.zeros(1, 1), [], []
    for step in impulse:
        fired, membrane = neuron(step, membrane)
        spikes.append(fired.item())
        potentials.append(membrane.item())
    return spikes, potentials


def state_leaky(factor, beta):
    spikes, potentials = snntorch.StateLeaky(beta=beta, channels=1, graded_spikes_factor=factor)(impulse)
    return spikes.flatten().tolist(), potentials.flatten().tolist()


for factor, beta in (2.0, 0.5), (0.5, 0.5), (1.0, 0.0):
    one, other = leaky(factor, beta), state_leaky(factor, beta)
    print(f"factor {factor}, beta {beta}: first spike of a Leaky {one[0][0]}, of a StateLeaky {other[0][0]};", end=" ")
    print(f"left after a step {one[1][1] / 2:.3f} and {other[1][1] / 2:.3f}")
    assert (one[0][0], other[0][0]) == (factor, factor**2)
    assert abs(one[1][1] / 2 - beta) < 1e-6
    assert abs(other[1][1] / 2 - torch.exp(torch.tensor(beta - 1)).item()) < 1e-6
PYTHON
