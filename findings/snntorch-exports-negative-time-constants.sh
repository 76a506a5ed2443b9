#!/usr/bin/env bash
# snnTorch 1.0: a decay above 1, which runs as 1, is exported to NIR as a negative time constant.
#
# `Leaky` clamps beta to [0, 1] whenever it runs, so that a learned beta may stand above 1 unseen. Guess: the
# export says what runs. Seen: tau = dt / (1 - beta) is written from the raw value, -5e-4 seconds for beta =
# 1.2; readers make of it a potential that grows by itself, or refuse the file.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet snntorch==1.0.0 nirtorch==2.6 nir==1.0.8 numpy==2.4.6 h5py==3.16.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import nir
import snntorch as snn
import torch
from snntorch.export_nir import export_to_nir

neuron = snn.Leaky(beta=torch.full((3,), 1.2), threshold=torch.full((3,), 100.0), init_hidden=True)
network = torch.nn.Sequential(torch.nn.Linear(2, 3), neuron)
neuron(torch.ones(1, 3))
neuron(torch.zeros(1, 3))
print("1 after one step without input:", neuron.mem.tolist())
assert neuron.mem.tolist() == [[1.0] * 3]
graph = export_to_nir(network, torch.zeros(1, 2), ignore_dims=[0])
(tau,) = [node.tau for node in graph.nodes.values() if isinstance(node, nir.LIF)]
print("exported tau:", tau.tolist())
assert (tau < 0).all()
PYTHON
