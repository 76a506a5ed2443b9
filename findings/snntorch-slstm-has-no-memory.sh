#!/usr/bin/env bash
# snnTorch 1.0.0: an SLSTM forgets everything at every step, unless it has as many inputs as neurons.
#
# Guess: `SLSTM(784, 1000)`, as in its own documentation, carries `syn` and `mem` from step to step as the `nn.LSTMCell`
# inside it does. Seen: `forward` compares the shape of both states with that of the input and, where they differ,
# starts from zeros, also when the states are passed in. With 3 inputs and 8 neurons the last potentials are those of a
# network that saw the last step alone, whatever came before; with 8 and 8 they are the LSTM's. Nothing warns, and such
# a layer trains: as one without memory, whose recurrent weights are multiplied with zeros and never learn.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet snntorch==1.0.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import snntorch
import torch


def last_potential(layer, steps):
    syn, mem = layer.init_slstm()
    for step in steps:
        _, syn, mem = layer(step, syn, mem)
    return mem


def last_of_the_cell(cell, steps):
    state = None
    for step in steps:
        state = cell(step, state)
    return state[0]


torch.manual_seed(0)
for inputs, neurons in (3, 8), (8, 8):
    layer, steps = snntorch.SLSTM(inputs, neurons), torch.rand(6, 2, inputs)
    potential = last_potential(layer, steps)
    as_lstm = torch.allclose(potential, last_of_the_cell(layer.lstm_cell, steps))
    as_last_step = torch.equal(potential, last_potential(layer, steps[-1:]))
    potential.sum().backward()
    learns = bool(layer.lstm_cell.weight_hh.grad.any())
    print(f"{inputs} inputs, {neurons} neurons: as the LSTM {as_lstm}, as the last step alone {as_last_step},", end=" ")
    print(f"recurrent weights get gradients {learns}")
    assert (as_lstm, as_last_step, learns) == ((False, True, False) if inputs != neurons else (True, False, True))
PYTHON
