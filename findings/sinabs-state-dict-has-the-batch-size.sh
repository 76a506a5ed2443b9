#!/usr/bin/env bash
# sinabs 3.1.3: a state dict that is saved after the network has run does not load into a fresh network.
#
# Membrane potentials are persistent buffers of the shape of the last batch: empty in a new network, (N, *features)
# after it ran. So weights saved after training are refused, unless the states are reset to nothing by hand (reset_states
# fills them with zeros and keeps the shape).
#
# Seen: "size mismatch for 1.v_mem: copying a param with shape torch.Size([5, 4]) from checkpoint, the shape in current
# model is torch.Size([0])."
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 sinabs==3.1.3
"$folder/venv/bin/python" -W ignore - <<'PY'
import sinabs.layers as sl
import torch
from torch import nn


def make():
    return nn.Sequential(nn.Linear(3, 4), sl.LIFSqueeze(tau_mem=10.0, num_timesteps=2))


trained = make()
trained(torch.rand(10, 3))
for module in trained.modules():
    if isinstance(module, sl.StatefulLayer):
        module.reset_states()
try:
    make().load_state_dict(trained.state_dict())
except RuntimeError as error:
    print(str(error).split("\n")[1].strip())
else:
    raise SystemExit("the state dict loads now")
PY
