#!/usr/bin/env bash
# Norse 1.1: gradients of `lif_adjoint_step` are tau_mem / tau_syn times too large, 10 times for 20 ms and 2 ms.
#
# Guess: below the threshold, where a potential is a linear function of the weight and every method has the same exact
# gradient, `lif_step` and `lif_adjoint_step`, "a single euler forward and adjoint backward step", agree. Seen: what
# comes back from the potential enters the current with 1 / tau_syn, where the forward step has 1 / tau_mem. With the
# defaults, 10 ms and 5 ms, the gradient is twice what a finite difference gives, with equal time constants the same.
# The sparse and the feed-forward steps have the same line.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 nirtorch==2.6 nir==1.0.8 numpy==2.4.6 h5py==3.16.0 matplotlib==3.11.2
"$folder/venv/bin/pip" install --quiet --no-deps norse==1.1.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from norse.torch.functional.adjoint.lif_adjoint import lif_adjoint_step
from norse.torch.functional.lif import LIFParameters, LIFState, lif_step


def potential(step, weight, tau_syn, tau_mem):
    constants = LIFParameters(tau_syn_inv=torch.tensor(1 / tau_syn), tau_mem_inv=torch.tensor(1 / tau_mem))
    state = LIFState(*torch.zeros(3, 1, 1))
    for time in range(10):
        spike = torch.full((1, 1), float(time == 0))
        fired, state = step(spike, state, weight, torch.zeros(1, 1), constants)
        assert not fired.any()
    return state.v.sum()


for tau_syn, tau_mem in (10e-3, 10e-3), (5e-3, 10e-3), (2e-3, 20e-3):
    weight = torch.tensor([[0.5]], requires_grad=True)
    settings = tau_syn, tau_mem
    potentials = (potential(step, weight, *settings) for step in (lif_step, lif_adjoint_step))
    found = [torch.autograd.grad(reached, weight)[0].item() for reached in potentials]
    with torch.no_grad():
        rise = (potential(lif_step, weight + 0.1, *settings) - potential(lif_step, weight, *settings)).item() / 0.1
    print(f"tau_syn, tau_mem {settings}: finite difference {rise:.4f}, lif_step {found[0]:.4f}, adjoint {found[1]:.4f}")
    assert abs(found[0] / rise - 1) < 0.01
    assert 0.99 < found[1] / rise / (tau_mem / tau_syn) < 1.1
PYTHON
