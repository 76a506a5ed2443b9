#!/usr/bin/env bash
# rockpool 3.1.0, transform/quantize_methods.py: `channel_quantize` does not scale the biases of hidden neurons that
# have one synapse each, and writes into the output biases that it is given.
#
# Guess: what `channel_quantize` does to a neuron's weights and threshold it does to its bias. Seen: the branch for
# models with two synapses per neuron does; the branch for one, which is all that a Xylo IMU has, has no line for it,
# and at its end the bias is rounded as it is. A bias of 0.4 thresholds, which makes its neuron fire by itself, is 0
# after quantization, and one of 0.6 is 1 of a threshold of 127. Output biases are scaled in the array that was passed
# in: after a first try with 8 bits, a second one with 4 from the same specification has an output bias of 448 in place
# of 4. No warning in either case. The module is loaded by itself, since it needs nothing of rockpool's.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet --no-deps rockpool==3.1.0
"$folder/venv/bin/python" - <<'PYTHON'
import importlib.metadata
import importlib.util

import numpy as np

found = [f for f in importlib.metadata.files("rockpool") if str(f).endswith("transform/quantize_methods.py")]
spec = importlib.util.spec_from_file_location("quantize_methods", found[0].locate())
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)


def model(synapses, bias=0.4):
    one = {name: np.array([1.0]) for name in ("dash_mem", "dash_mem_out", "dash_syn", "dash_syn_2", "dash_syn_out")}
    weights = {name: np.full((1, 1, synapses), value) for name, value in (("weights_in", 1.0), ("weights_rec", 0.5))}
    numbers = {"threshold": 1.0, "threshold_out": 1.0, "bias": bias, "bias_out": 0.5}
    return {**one, **weights, "weights_out": np.ones((1, 1)), **{name: np.array([v]) for name, v in numbers.items()}}


def share(specification):
    quantized = module.channel_quantize(**specification)
    return quantized["bias"][0] / quantized["threshold"][0]


for bias in (0.4, 0.6):
    seen = {synapses: share(model(synapses, bias)) for synapses in (1, 2)}
    print(f"a bias of {bias} thresholds is {seen[1]:.3f} of them with one synapse, {seen[2]:.3f} with two")
    assert seen[1] < 0.01 and abs(seen[2] - bias) < 0.01

specification, fresh = model(1), module.channel_quantize(**model(1), bits_per_weight=4)["bias_out"][0]
module.channel_quantize(**specification, bits_per_weight=8)
again = module.channel_quantize(**specification, bits_per_weight=4)["bias_out"][0]
print(f"output bias at 4 bits: {fresh}, and {again} after 8 bits were tried on the same specification")
assert again > 100 * fresh
PYTHON
