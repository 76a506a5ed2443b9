#!/usr/bin/env bash
# snnTorch 1.0: the padding of an AvgPool2d is lost in the export to NIR.
#
# Guess: `padding=1` is written. Seen: every AvgPool2d is written with padding (0, 0). Where the number of
# windows stays the same, the graph passes all checks and the pooled values shift.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet snntorch==1.0.0 nirtorch==2.6 nir==1.0.8 numpy==2.4.6 h5py==3.16.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import nir
import torch
from snntorch.export_nir import export_to_nir

network = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.AvgPool2d(2, stride=3, padding=1))
sample = torch.zeros(1, 1, 8, 8)
print("PyTorch:", tuple(network(sample).shape[1:]))
graph = export_to_nir(network, sample, ignore_dims=[0])
(pool,) = [node for node in graph.nodes.values() if isinstance(node, nir.AvgPool2d)]
print("exported padding:", pool.padding)
assert tuple(pool.padding) == (0, 0)
assert tuple(network(sample).shape[1:]) == tuple(graph.output_type["output"])
PYTHON
