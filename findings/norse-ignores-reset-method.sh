#!/usr/bin/env bash
# Norse 1.1: `from_nir(..., reset_method=...)` does nothing to a LIF.
#
# Guess: `reset_method=reset_subtract` makes the neurons of a graph subtract their threshold. Seen: a LIF at 1.5
# that fires with threshold 1 goes to 0, as without the argument; only a CubaLIF takes it. A network trained
# with soft reset comes back with hard reset.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 nirtorch==2.6 nir==1.0.8 numpy==2.4.6 h5py==3.16.0 matplotlib==3.11.2
"$folder/venv/bin/pip" install --quiet --no-deps norse==1.1.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import nir
import numpy as np
import torch
from norse.torch.functional.reset import reset_subtract
from norse.torch.utils.import_nir import from_nir


def full(value):
    return np.full(1, value, np.float32)


nodes = {
    "input": nir.Input(np.array([1])),
    "lif": nir.LIF(tau=full(2e-3), r=full(1), v_leak=full(0), v_threshold=full(1), v_reset=full(0)),
    "output": nir.Output(np.array([1])),
}
graph = nir.NIRGraph(nodes, [("input", "lif"), ("lif", "output")])
spike, state = from_nir(graph, reset_method=reset_subtract, dt=1e-3)(torch.full((1, 1), 3.0))
(potential,) = [float(part[0].v) for part in state.state.values()]
print("spike", spike.item(), "potential after the reset", potential, "(1.5 - 1 = 0.5 was asked for)")
assert spike.item() == 1 and potential == 0
PYTHON
