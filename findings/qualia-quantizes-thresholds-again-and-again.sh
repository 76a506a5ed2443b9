#!/usr/bin/env bash
# qualia-plugin-snn 2.6.0: a threshold of 1 becomes 4 or 0 at 4 bits, as the range of the potentials grew or was there.
#
# Guess: "hyperparameters are quantized as well as membrane potential" means that the threshold given is rounded to the
# grid of the widest range seen in training, once. Seen: the rounded threshold takes the place of the one given at every
# step, and halves round up. While the range grows to 16 thresholds, below 0 as well, where a potential has no bound,
# 1 becomes 2 and 2 becomes 4, and the neuron is silent where it fired at every step; where the same range is there in
# the first batch, 1 becomes 0, and the neuron fires at every step without any input. No reset and no evaluation brings
# the threshold back, so that the same data in another order makes another network. At 8 bits the same takes a range of
# 256.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6 lightning==2.6.6 tabulate==0.10.0 scipy==1.17.1
"$folder/venv/bin/pip" install --quiet tomlkit==0.15.2 colorful==0.5.8 gitpython==3.2.1 blosc2==4.14.1 pydantic==2.14.4
"$folder/venv/bin/pip" install --quiet matplotlib==3.11.2 tqdm==4.70.1
"$folder/venv/bin/pip" install --quiet --no-deps qualia-plugin-snn==2.6.0 qualia-core==2.6.0 spikingjelly==0.0.0.0.14
"$folder/venv/bin/python" -W ignore - 2> "$folder/log" <<'PYTHON' || { cat "$folder/log"; exit 1; }
import torch
from qualia_plugin_snn.learningmodel.pytorch.layers.quantized_SNN_layers import QuantizedIFNode
from spikingjelly.activation_based import functional


def trained(bits, potentials):
    neuron = QuantizedIFNode({"bits": bits, "quantype": "fxp"}, v_threshold=1.0, v_reset=None).train()
    for potential in potentials:
        functional.reset_net(neuron)
        neuron(torch.full((1, 1), float(potential)))
    return neuron.eval()


def fired(neuron, value):
    functional.reset_net(neuron)
    return [int(neuron(torch.full((1, 1), float(value))) > 0) for _ in range(6)]


for bits, widest in (4, 16), (8, 256):
    growing = [-(2**power) for power in range(widest.bit_length())]
    small, grown, at_once = trained(bits, growing[:3]), trained(bits, growing), trained(bits, growing[::-1])
    for name, neuron in ("to -4", small), (f"grown to {-widest}", grown), (f"{-widest} at once", at_once):
        found = neuron.v_threshold, fired(neuron, 0), fired(neuron, 1)
        print(f"{bits} bits, potentials {name}: threshold {found[0]}, fires {found[1]} at inputs of 0, {found[2]} of 1")
    assert float(grown.quantizer_v.global_max) == float(at_once.quantizer_v.global_max) == widest
    assert small.v_threshold == 1 and fired(small, 0) == 6 * [0] and fired(small, 1) == 6 * [1]
    assert grown.v_threshold == 4 and fired(grown, 1) == 6 * [0]
    assert at_once.v_threshold == 0 and fired(at_once, 0) == 6 * [1]
PYTHON
