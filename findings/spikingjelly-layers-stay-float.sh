#!/usr/bin/env bash
# SpikingJelly 2.0.0's layers are passed over by PyTorch's and Brevitas' quantization, without a word.
#
# Guess: `layer.Conv2d` and `layer.Linear`, subclasses of PyTorch's that only know of time steps, are quantized like
# these, or refused. Seen: `quantize_dynamic` and `prepare_qat` of torch.ao (PyTorch 2.13.0) and `layerwise_quantize` of
# Brevitas 0.13.4 look modules up by their exact type. They return a network that runs, in float32 and with the very
# same outputs; at the "2 bits" that Brevitas was asked for, its weights have thousands of levels. With `nn.Linear` and
# `nn.Conv2d` in the same network (step mode s) all three quantize, the first of them linear layers alone, as is its
# way. Whoever asks for bits and looks at accuracy alone finds that they cost nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6 loguru==0.7.3 packaging==26.3 setuptools==80.10.2
"$folder/venv/bin/pip" install --quiet --no-deps spikingjelly==2.0.0 brevitas==0.13.4 dependencies==2.0.1 unfoldNd==0.2.3
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import copy

import torch
from brevitas.graph.quantize import LAYERWISE_COMPUTE_LAYER_MAP, layerwise_quantize
from spikingjelly.activation_based import functional, layer, neuron
from torch import nn
from torch.ao.quantization import get_default_qat_qconfig, prepare_qat, quantize_dynamic

two_bits = {
    kind: (made[0], {**made[1], "weight_bit_width": 2}) if made and "weight_quant" in made[1] else made
    for kind, made in LAYERWISE_COMPUTE_LAYER_MAP.items()
}


def network(layers):
    torch.manual_seed(0)
    return nn.Sequential(
        layers.Conv2d(1, 4, 3), neuron.IFNode(0.2), layers.Flatten(), layers.Linear(144, 10), neuron.IFNode(0.2)
    )


def by_qat(network):
    network.train().qconfig = get_default_qat_qconfig("fbgemm")
    return prepare_qat(network)


def mapped(network):
    return layerwise_quantize(network.eval(), compute_layer_map=two_bits)


torch.set_grad_enabled(False)
images = torch.rand(20, 1, 8, 8)
for name, quantize in ("quantize_dynamic", quantize_dynamic), ("prepare_qat", by_qat), ("layerwise_quantize", mapped):
    for layers in nn, layer:
        before = network(layers)
        after = quantize(copy.deepcopy(before))
        kinds = [f"{type(part).__module__}.{type(part).__name__}" for part in (after[0], after[3])]
        print(f"{name}: {', '.join(kinds)}")
        if layers is layer:
            assert [type(part) for part in after] == [type(part) for part in before]
            assert not any("quant" in part for part, _ in after.named_modules())
            steps = [torch.stack([each(images) for _ in range(4)]) for each in (before, after)]
            assert torch.equal(*steps) and steps[0].any()
            assert len(after[3].weight.unique()) > 1000
        else:
            assert type(after[3]) is not type(before[3])
PYTHON
