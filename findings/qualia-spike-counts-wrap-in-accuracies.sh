#!/usr/bin/env bash
# qualia-codegen-plugin-snn 2.6.0: the accuracy that its program measures is that of spike counts which have wrapped.
#
# Guess: int8 and int16 code that fires exactly the spikes of the float code is measured to be as accurate, since the program
# sums the outputs over the steps "to avoid overflow" in a longer type. Seen: for the metrics each sum is passed as the short
# type again. A spike is 64 in int8 and 16,384 in int16, so that a second spike makes a class's score negative and a fourth
# makes it 0: of 97% of right answers 22% are left, about chance among four classes. No warning; qualia-core reports it as the
# accuracy of the deployed network. Networks of one step, and outputs whose sum stays small, are measured right. It needs a
# C++ compiler.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip=("$folder/venv/bin/pip" install --quiet --no-compile)
"${pip[@]}" torch==2.13.0 numpy==2.4.6 tabulate==0.10.0
"${pip[@]}" --no-deps spikingjelly==0.0.0.0.14 qualia-codegen-core==2.6.0 qualia-codegen-plugin-snn==2.6.0
"$folder/venv/bin/python" -W ignore - "$folder" 2> "$folder/log" <<'PYTHON' | grep right || { cat "$folder/log"; exit 1; }
import subprocess
import sys
from collections import OrderedDict
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from qualia_codegen_core import MetricsConverter
from qualia_codegen_core.graph.ActivationRange import ActivationRange
from qualia_codegen_core.graph.RoundMode import RoundMode
from qualia_codegen_core.main import annotate_quantization
from qualia_codegen_plugin_snn import Converter
from qualia_codegen_plugin_snn.graph import TorchModelGraph
from spikingjelly.activation_based.neuron import IFNode

STEPS, CLASSES, SAMPLES, folder = 20, 4, 300, Path(sys.argv[1])
library = next(Path(path) for path in sys.path if (Path(path) / "libqualia-neuralnetwork").is_dir())
sources = [Path(str(files("qualia_codegen_plugin_snn.examples"))) / "Linux", library / "libqualia-neuralnetwork"]


def network():
    model = torch.nn.Sequential(OrderedDict(neuron=IFNode(v_reset=None)))
    model.input_shape, model.is_snn = (STEPS, CLASSES), True
    return model.eval()


def converted(bits, fraction):
    """One layer of neurons; potentials, inputs and spikes have the same bits of fraction."""
    graph, near = TorchModelGraph(network()).convert(), RoundMode.NEAREST
    numbers = bits, bits, bits, None, fraction, fraction, fraction, None, near, near, near
    ranges = {name: ActivationRange(*numbers) for name in ("input", "neuron")}
    assert annotate_quantization(graph, ranges, float if bits == 32 else int, bits, min(2 * bits, 32))
    Converter(folder / "c").convert_model(graph)
    MetricsConverter(folder / "c").convert_metrics(["acc"])


def measured(bits, fraction):
    converted(bits, fraction)
    code = [sources[0] / "main.cpp", sources[1] / "NeuralNetwork.cpp", folder / "c/metrics.cpp", "-x", "c"]
    places = [f"-I{place}" for place in (folder / "c/include", *sources)]
    subprocess.run(["c++", "-std=c++17", "-w", "-o", folder / "run", *places, *code, folder / "c/model.c"], check=True)
    command = [folder / "run", folder / "inputs.csv", folder / "labels.csv"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stderr.split("=")[1])


# Inputs of whole 64ths: rounding changes none of them, and so no spike.
inputs = np.random.default_rng(0).integers(0, 64, (SAMPLES, CLASSES)) / 64
labels = inputs.argmax(axis=1)
np.savetxt(folder / "inputs.csv", inputs, delimiter=",")
np.savetxt(folder / "labels.csv", np.eye(CLASSES)[labels], delimiter=",")
model = network()
counts = sum(model(torch.tensor(inputs)) for _ in range(STEPS)).numpy().astype(int)
assert np.array_equal(counts, np.floor(inputs * STEPS))
right = (counts.argmax(axis=1) == labels).mean()
print(f"PyTorch: {right:.1%} right")
for bits, fraction in (32, 0), (16, 14), (8, 6):
    scores = counts * 2**fraction
    wrapped = scores if bits == 32 else scores.astype(f"int{bits}")
    found, expected = measured(bits, fraction), (wrapped.argmax(axis=1) == labels).mean()
    print(f"C of {bits} bits: {found:.1%} right; numpy's sums of {bits} bits: {expected:.1%}")
    assert abs(found - expected) < 1e-5
    assert found == right.round(6) if bits == 32 else found < 0.35
PYTHON
