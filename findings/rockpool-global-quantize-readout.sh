#!/usr/bin/env bash
# rockpool 3.1.0, transform/quantize_methods.py: global_quantize puts output biases on the wrong scale, and shrinks
# recurrent weights when only the output threshold is too large.
#
# Hidden and output weights get scales of their own (127 / largest of each group). The output bias is rounded with the
# HIDDEN scale: where output weights are ten times the hidden ones, an output bias of half a threshold becomes five
# thresholds, and the output fires at every step. And when threshold_out exceeds 16 bits, weights_rec is multiplied by
# the factor by which the output must shrink, while hidden thresholds stay: the hidden layer falls silent.
# Both are valid models of one input, one hidden and one output neuron; the module is loaded by itself, since it needs
# nothing of rockpool's.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "numpy>=2,<3"
"$folder/venv/bin/pip" install --quiet --no-deps rockpool==3.1.0
"$folder/venv/bin/python" - <<'PY'
import importlib.metadata
import importlib.util

import numpy as np

found = [f for f in importlib.metadata.files("rockpool") if str(f).endswith("transform/quantize_methods.py")]
spec = importlib.util.spec_from_file_location("quantize_methods", found[0].locate())
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)


def model(**changes):
    one = {name: np.array([1.0]) for name in ("dash_mem", "dash_mem_out", "dash_syn", "dash_syn_2", "dash_syn_out")}
    return {
        "weights_in": np.array([[1.0]]), "weights_rec": np.array([[0.5]]), "weights_out": np.array([[10.0]]),
        "threshold": np.array([1.0]), "threshold_out": np.array([10.0]), **one, **changes,
    }


q = module.global_quantize(**model(bias=np.array([0.0]), bias_out=np.array([5.0])))
ratio = q["bias_out"][0] / q["threshold_out"][0]
print(f"bias_out / threshold_out: 0.5 before, {ratio:g} after quantization")
assert ratio == 5.0, "output biases are no longer rounded with the hidden scale"

small = module.global_quantize(**model())
large = module.global_quantize(**model(threshold_out=np.array([10000.0])))
print("weights_rec, threshold:", small["weights_rec"].ravel(), small["threshold"], "with a large output threshold:",
      large["weights_rec"].ravel(), large["threshold"])
assert large["threshold"] == small["threshold"]
assert abs(large["weights_rec"].ravel()[0]) < abs(small["weights_rec"].ravel()[0]) / 2, "weights_rec no longer shrinks"
PY
