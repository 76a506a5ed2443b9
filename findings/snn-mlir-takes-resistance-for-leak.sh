#!/usr/bin/env bash
# snn-mlir 1.0.0: a LIF with a resistance of 1, as Norse writes them, is compiled without any memory.
#
# Guess: for tau dv/dt = v_leak - v + r i the compiler asks for the time step that it computes in, or takes one, so that
# a longer tau is a slower leak; what it cannot tell, `check` reports. Seen: it takes the time step to be tau / r and
# the decay 1 - 1 / r, so that tau has no say at all. That holds for files in which r is tau / dt; with r = 1 the decay
# is 0 whatever tau is, in float as in int8, with r = 0.5 it is -1, and `check` finds nothing to say. Norse 1.1 writes r
# = 1 for every neuron.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet snn-mlir==1.0.0 nir==1.0.8 numpy==2.4.6 h5py==3.16.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import re

import nir
import numpy as np
import snn_mlir


def graph(tau, r):
    def full(value):
        return np.full(1, value, np.float32)

    nodes = {
        "input": nir.Input(np.array([1])),
        "weight": nir.Linear(np.full((1, 1), 0.4, np.float32)),
        "lif": nir.LIF(tau=full(tau), r=full(r), v_leak=full(0), v_threshold=full(1), v_reset=full(0)),
        "output": nir.Output(np.array([1])),
    }
    return nir.NIRGraph(nodes, [("input", "weight"), ("weight", "lif"), ("lif", "output")])


for tau, r, expected in (5e-3, 1, 0), (20e-3, 1, 0), (20e-3, 0.5, -1), (20e-3, 20, 0.95):
    report = snn_mlir.check(graph(tau, r))
    texts = [snn_mlir.to_mlir(graph(tau, r), quantize=each) for each in (False, True)]
    found = [float(value) for text in texts for value in re.findall(r"decay_\w+ = (\S+)", text)]
    print(f"tau {tau} s, r {r}: decay {found[0]}, in fixed point {found[1]:.0f} of 4096; findings", report.findings)
    assert report.ok and not report.findings
    assert np.isclose(found[0], expected) and found[1] == round(4096 * expected)
PYTHON
