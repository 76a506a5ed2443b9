#!/usr/bin/env bash
# torch.export (PyTorch 2.13.0) makes of a spiking neuron one that starts anew at every step.
#
# Guess: a network that is called step by step and keeps its membrane potentials, as a recurrent one, keeps them when it
# is exported, since states in buffers become outputs that are written back; or it is refused. Seen: neurons of snnTorch
# 1.0.0, sinabs 3.1.3 and SpikingJelly 2.0.0 are exported without their potentials, and what `torch.onnx.export` makes of
# them fires alike. A neuron that fires at every third step never fires;
# one whose input is above the threshold still fires at every step, so that a network is not silent but fires less,
# which looks like the price of quantizing or exporting it. The one warning names other tensors in snnTorch (`reset`)
# and sinabs (`firing_rate`), where the potential is the buffer that it asks for; in SpikingJelly it names the
# potential. `torch.compile` keeps them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0 loguru==0.7.3
"$folder/venv/bin/pip" install --quiet snntorch==1.0.0 sinabs==3.1.3 nir==1.0.4 nirtorch==2.0.2 numpy==2.4.6 h5py==3.16.0
"$folder/venv/bin/pip" install --quiet --no-deps spikingjelly==2.0.0
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import copy
import re
import sys
import warnings

import onnxruntime
import sinabs.layers
import snntorch
import torch
from spikingjelly.activation_based import neuron
from torch import nn

torch.set_grad_enabled(False)


class Sinabs(nn.Module):
    def __init__(self):
        super().__init__()
        self.neuron = sinabs.layers.IAF()

    def forward(self, step):
        return self.neuron(step[:, None])[:, 0]


def fired(network, step):
    return [int(network(step)) for _ in range(9)]


def exported(network, step):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        program = torch.export.export(copy.deepcopy(network), (step,))
    names = [name for each in caught for name in re.findall(r"attributes? (self\S+) ", str(each.message))]
    return program, names


def by_onnx(program, step):
    program = torch.onnx.export(program, (step,), verbose=False)
    program.save(f"{sys.argv[1]}/network.onnx")
    session = onnxruntime.InferenceSession(f"{sys.argv[1]}/network.onnx")
    return lambda step: session.run(None, {session.get_inputs()[0].name: step.numpy()})[0].item()


networks = {
    "snnTorch": nn.Sequential(snntorch.Leaky(beta=1.0, init_hidden=True)),
    "sinabs": Sinabs(),
    "SpikingJelly": nn.Sequential(neuron.IFNode(v_reset=None)),
}
for name, network in networks.items():
    for value in 0.4, 1.4:
        step = torch.full((1, 1), value)
        program, named = exported(network, step)
        found = [fired(each, step) for each in (copy.deepcopy(network), program.module(), by_onnx(program, step))]
        print(f"{name}, inputs of {value}: eager {found[0]}, exported {found[1]}, as ONNX {found[2]}, named {named}")
        assert sum(found[0]) >= 3 and found[1] == found[2] == 9 * [int(value > 1)]
    compiled = torch.compile(copy.deepcopy(network), backend="eager")
    assert sum(fired(compiled, torch.full((1, 1), 0.4))) >= 3
PYTHON
