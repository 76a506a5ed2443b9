#!/usr/bin/env bash
# snnTorch 1.0.0: a `LeakyParallel` with a decay for each neuron decays at random.
#
# Guess: `beta` "may be single-valued or multi-valued (one weight per neuron)", so that a tensor of three decays becomes
# the diagonal of the recurrent weights, as a single one does. Seen: the branch for several values can only be reached
# by what is no tensor, which `beta` always is by then; the weights stay as `nn.RNN` drew them, some of them negative,
# and `learn_beta=False` keeps them so. `layer.beta` still says what was asked for.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet snntorch==1.0.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import snntorch
import torch

torch.manual_seed(0)
asked = torch.tensor([0.5, 0.7, 0.9])
several = snntorch.LeakyParallel(2, 3, beta=asked).rnn.weight_hh_l0.diagonal().tolist()
again = snntorch.LeakyParallel(2, 3, beta=asked).rnn.weight_hh_l0.diagonal().tolist()
one = snntorch.LeakyParallel(2, 3, beta=0.7).rnn.weight_hh_l0.diagonal().tolist()
print("asked", asked.tolist(), "found", several, "and again", again)
print("asked 0.7 for all, found", one)
assert not any(abs(found - beta) < 0.02 for found, beta in zip(several, asked.tolist(), strict=True))
assert several != again and min(several + again) < 0
assert torch.allclose(torch.tensor(one), torch.tensor(0.7))
PYTHON
