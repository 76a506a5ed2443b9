#!/usr/bin/env bash
# snnTorch 1.0.0, Norse 1.1, SpikingJelly 2.0.0, nirtorch 2.6: a NIR graph and the network that it came from, or became,
# have their weights in one memory.
#
# Guess: an exported graph says what the network was when it was exported, and each network that is read from a graph has
# weights of its own. Seen: weights go through `.numpy()` and `torch.from_numpy`, which copy nothing, and `torch.Tensor`,
# which does not copy a float32 array either. Who keeps the float network's graph, quantizes the network in place or trains
# it on, and exports it again has two quantized graphs and finds that quantization changes nothing. Who reads one
# graph twice, once to quantize, quantizes both networks and the graph. `nir.write` in between, or a copy, keeps them
# apart.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 snntorch==1.0.0 nirtorch==2.6 nir==1.0.8 numpy==2.4.6 h5py==3.16.0 \
    matplotlib==3.11.2 scipy==1.17.1 loguru==0.7.3 tqdm==4.70.1
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps norse==1.1.0 spikingjelly==2.0.0
"$folder/venv/bin/python" -W ignore - > "$folder/seen" 2> "$folder/log" <<'PYTHON' || { cat "$folder/log"; exit 1; }
import nir
import nirtorch
import norse.torch as norse
import numpy as np
import torch
from snntorch import Leaky
from snntorch.export_nir import export_to_nir
from snntorch.import_nir import import_from_nir
from spikingjelly.activation_based import layer, neuron, nir_exchange
from torch import nn

WEIGHT = np.array([[0.2, 0.9, -0.7], [0.4, -0.3, 1.2]], np.float32)
ROUNDED = np.round(WEIGHT)


def linear(kind=nn.Linear):
    made = kind(3, 2, bias=False)
    made.weight.data.copy_(torch.from_numpy(WEIGHT))
    return made


def round_weights(network):
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Linear):
                module.weight.round_()


def weight(graph):
    return next(node.weight for node in graph.nodes.values() if isinstance(node, nir.Linear | nir.Affine))


def as_identity(node):
    return nn.Identity()


writers = {
    "snnTorch": (
        nn.Sequential(linear(), Leaky(torch.full((2,), 0.9), threshold=torch.ones(2), init_hidden=True)),
        lambda net: export_to_nir(net, torch.zeros(3)),
    ),
    "Norse": (norse.SequentialState(linear(), norse.LIFBoxCell()), lambda net: norse.to_nir(net, torch.zeros(1, 3))),
    "SpikingJelly": (
        nn.Sequential(linear(layer.Linear), neuron.LIFNode()),
        lambda net: nir_exchange.export_to_nir(net, torch.zeros(1, 3)),
    ),
    "nirtorch": (nn.Sequential(linear(), nn.Identity()), lambda net: nirtorch.torch_to_nir(net[:1], {})),
}
for name, (network, export) in writers.items():
    before = export(network)
    assert np.array_equal(weight(before), WEIGHT)
    round_weights(network)
    print(f"{name}: the graph of before has the weights of after: {np.array_equal(weight(before), ROUNDED)}")
    assert np.array_equal(weight(before), ROUNDED)

readers = {
    "Norse": norse.from_nir,
    "SpikingJelly": nir_exchange.import_from_nir,
    "nirtorch": lambda graph: nirtorch.nir_to_torch(graph, {nir.LIF: as_identity}),
    "snnTorch": import_from_nir,
}
one = np.ones(2, np.float32)
for name, read in readers.items():
    graph = nir.NIRGraph.from_list(nir.Linear(WEIGHT.copy()), nir.LIF(one * 0.02, one, one * 0, one))
    kept, to_quantize = read(graph), read(graph)
    own = next(module for module in kept.modules() if isinstance(module, nn.Linear)).weight
    before = own.detach().clone()
    round_weights(to_quantize)
    print(f"{name}: rounding one of two networks read from a graph changes the other: {not torch.equal(own, before)}")
    assert not torch.equal(own, before)
PYTHON
grep ": " "$folder/seen" | grep -v w_scale
