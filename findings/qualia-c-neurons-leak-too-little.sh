#!/usr/bin/env bash
# qualia-codegen-plugin-snn 2.6.0: in the fixed-point C code a neuron leaks less, the finer its inputs are rounded.
#
# Guess: the int8 C of a LIF fires as the PyTorch neuron does, but for a few spikes at the edge, as its float C does. Seen:
# potential and 1 / tau have the fractional bits of "weights", inputs have their own, and the sum those of the finer of the
# two. The product of potential and 1 / tau is shifted back by the finer of the two, not by those of 1 / tau. Where inputs are
# smaller than the potentials that sum them, and so have more bits of fraction, a leak of 1 / 4 is 1 / 16 in int8, and three
# times as many spikes are fired. With as many bits for both (qualia-core's `force_q`) it is right. No warning. The bits are
# chosen here as qualia-core's quantizer does: as many for the fraction as the largest value leaves. It needs a C compiler.
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
  static input_t input;
  static output_t output;
  double value;
  while (scanf("%lf", &value) == 1) {
    input[0] = (MODEL_INPUT_NUMBER_T)value;
    cnn(input, output);
    printf("%d ", output[0] != 0);
  }
}
C
"$folder/venv/bin/python" -W ignore - "$folder" 2> "$folder/log" <<'PYTHON' | grep -E 'of fraction|differ' || { cat "$folder/log"; exit 1; }
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from qualia_codegen_core.graph.ActivationRange import ActivationRange
from qualia_codegen_core.graph.RoundMode import RoundMode
from qualia_codegen_core.main import annotate_quantization
from qualia_codegen_plugin_snn import Converter
from qualia_codegen_plugin_snn.graph import TorchModelGraph
from spikingjelly.activation_based.neuron import LIFNode

STEPS, TAU, LARGEST_INPUT, folder = 400, 4.0, 0.45, Path(sys.argv[1])


def network():
    model = torch.nn.Sequential(OrderedDict(neuron=LIFNode(tau=TAU, decay_input=False, v_reset=None)))
    model.input_shape, model.is_snn = (STEPS, 1), True
    return model.eval()


def in_c(values, bits, input_fraction=0, state_fraction=0):
    graph, near = TorchModelGraph(network()).convert(), RoundMode.NEAREST
    ranges = {
        "input": ActivationRange(bits, bits, 0, None, input_fraction, input_fraction, 0, None, near, near, None),
        "neuron": ActivationRange(bits, bits, bits, None, input_fraction, 0, state_fraction, None, near, near, near),
    }
    kind, long_bits = (float, 32) if bits == 32 else (int, 2 * bits)
    assert annotate_quantization(graph, ranges, kind, bits, long_bits)
    (folder / "network.h").write_text(Converter(folder / "c", timestep_mode="iterate").convert_model(graph))
    subprocess.run(["cc", "-w", "-o", folder / "run", folder / "main.c", "-lm"], check=True)
    text = " ".join(str(float(value)) for value in values)
    return np.array(subprocess.run([folder / "run"], input=text, capture_output=True, text=True).stdout.split(), int)


def in_whole_numbers(values, input_fraction, state_fraction, shift):
    """Potentials in units of 2^-finer; the product with 1 / tau, in 2^-state_fraction, is shifted back by `shift`."""
    finer, potential, spikes = max(input_fraction, state_fraction), 0, []
    threshold, leak, half = 2**finer, 2**state_fraction // int(TAU), 2**shift // 2
    down = finer - state_fraction
    for value in values.astype(int):
        potential = potential - ((potential * leak + half) >> shift) + (value << (finer - input_fraction))
        spikes.append(int(potential >= threshold))
        potential -= threshold * spikes[-1]
        potential = ((potential + 2**down // 2) >> down) << down
    return np.array(spikes)


def in_torch(values):
    model, spikes, largest = network(), [], 1.0
    for value in values:
        spikes.append(int(model(value.reshape(1, 1))))
        largest = max(largest, float(model.neuron.v.abs()))
    return np.array(spikes), largest


inputs = torch.rand(STEPS, generator=torch.manual_seed(0)) * LARGEST_INPUT
wanted, largest = in_torch(inputs)
assert np.array_equal(in_c(inputs, 32), wanted)
own = [7 - int(np.floor(np.log2(value))) - 1 for value in (LARGEST_INPUT, largest)]
for fractions, too_many in (own, True), ([own[1]] * 2, False):
    rounded = np.floor(inputs.numpy() * 2 ** fractions[0] + 0.5)
    found = in_c(rounded, 8, *fractions)
    right, wrong = (in_whole_numbers(rounded, *fractions, by) for by in (fractions[1], max(fractions)))
    print(f"{fractions[0]} bits of fraction of the inputs, {fractions[1]} of the potentials")
    for name, spikes in ("PyTorch and float C", wanted), ("int8 C", found), ("shifted by the bits of 1 / tau", right):
        print(f"  {name}: {spikes.sum()} spikes, {(spikes != wanted).sum()} of {STEPS} steps differ")
    assert np.array_equal(found, wrong)
    assert (right != wanted).mean() < 0.05
    assert (found.sum() > 2 * wanted.sum()) == too_many
PYTHON
