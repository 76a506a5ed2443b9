#!/usr/bin/env bash
# qualia-codegen-plugin-snn 2.6.0: one layer between Flatten and Linear, and the C code reads the pixels in another order.
#
# Guess: a Dropout, which does nothing after the training and has no code, leaves the C of a network as it is without it. Seen:
# the C has channels last, and the weights behind a Flatten are turned to that order, but only those of a Linear that comes
# right behind it. Where nn.Dropout stands between the two, or a spiking neuron, the weights keep PyTorch's order: each input
# meets the weight of another one, in float C as in fixed point, and the class found is another one. No warning. SpikingJelly's
# own Dropout, which leaves no node in the graph, is right. It needs a C compiler.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip=("$folder/venv/bin/pip" install --quiet --no-compile)
"${pip[@]}" torch==2.13.0 numpy==2.4.6 tabulate==0.10.0
"${pip[@]}" --no-deps spikingjelly==0.0.0.0.14 qualia-codegen-core==2.6.0 qualia-codegen-plugin-snn==2.6.0
cat > "$folder/main.c" <<'C'
#include <stdio.h>
#include "network.h"
int main(void) {
  static float input[MODEL_INPUT_DIMS];
  static output_t output;
  while (scanf("%f", input) == 1) {
    for (int i = 1; i < MODEL_INPUT_DIMS; i++) scanf("%f", input + i);
    cnn((const void *)input, output);
    for (int i = 0; i < MODEL_OUTPUT_SAMPLES; i++) printf("%.9g ", output[i]);
  }
}
C
"$folder/venv/bin/python" -W ignore - "$folder" 2> "$folder/log" <<'PYTHON' | grep apart || { cat "$folder/log"; exit 1; }
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from qualia_codegen_core.main import annotate_quantization
from qualia_codegen_plugin_snn import Converter
from qualia_codegen_plugin_snn.graph import TorchModelGraph
from spikingjelly.activation_based import layer
from spikingjelly.activation_based.neuron import IFNode
from torch import nn

STEPS, CHANNELS, CLASSES, folder = 20, 3, 4, Path(sys.argv[1])


def network(*between):
    torch.manual_seed(0)
    convolution, classifier = nn.Conv2d(1, CHANNELS, 3), nn.Linear(CHANNELS * 3 * 4, CLASSES)
    model = nn.Sequential(convolution, IFNode(v_reset=None), nn.Flatten(), *between, classifier)
    model.input_shape, model.is_snn = (STEPS, 5, 6, 1), True
    return model.eval()


def in_c(model, images):
    graph = TorchModelGraph(model).convert()
    annotate_quantization(graph, {}, float, 32, 32)
    (folder / "network.h").write_text(Converter(folder / "c").convert_model(graph))
    subprocess.run(["cc", "-w", "-o", folder / "run", folder / "main.c", "-lm"], check=True)
    text = " ".join(str(float(value)) for value in images.flatten())
    ran = subprocess.run([folder / "run"], check=True, input=text, capture_output=True, text=True)
    return np.array(ran.stdout.split(), float).reshape(STEPS, CLASSES)


def in_another_order(model, images):
    """PyTorch's own layers, but the spikes are flattened with channels last before the same weights."""
    spikes = [model[1](model[0](image[None, None])) for image in images]
    return torch.stack([model[-1](step.permute(0, 2, 3, 1).flatten()) for step in spikes]).numpy()


cases = {"nothing": [], "SpikingJelly's Dropout": [layer.Dropout(0.5)], "nn.Dropout": [nn.Dropout(0.5)]}
cases["neurons"] = [IFNode(v_reset=None)]
images = torch.rand(STEPS, 5, 6, generator=torch.manual_seed(1)) * 4
with torch.no_grad():
    for name, between in cases.items():
        model = network(*between)
        wanted = torch.cat([model(image[None, None]) for image in images]).numpy()
        found, mixed = in_c(network(*between), images), in_another_order(network(*between), images)
        apart, classes = np.abs(found - wanted).max(), (found.argmax(1) != wanted.argmax(1)).sum()
        print(f"{name} in between: up to {apart:.6f} apart, {classes} of {STEPS} steps with another class")
        right = name in {"nothing", "SpikingJelly's Dropout"}
        assert np.allclose(found, wanted if right else mixed, atol=1e-5)
        assert (classes == 0) == right
PYTHON
