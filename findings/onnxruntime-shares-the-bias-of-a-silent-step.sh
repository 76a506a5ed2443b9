#!/usr/bin/env bash
# ONNX Runtime 1.32.0: where the first step is silent, `QuantFormat.QOperator` makes a layer's bias 255 times too small.
#
# Guess: a bias that all steps share is quantized for each, since its scale is its step's: that of the spikes times that of
# the weights. Seen: it is quantized once, with the scale of the first step, and every step's `QGemm` reads the same whole
# numbers with its own. Neurons need some steps to their first spike, so that the first scale is that of a silent step, 1,
# and the others' 1 / 255. From the second step on the bias is all but gone: a mean of 0.3 a step is lost here, while 8
# bits cost 0.01. A pull request of 2021, microsoft/onnxruntime 7982, says that biases cannot be shared, and is
# open. `QuantFormat.QDQ`, the default, gives each step a bias of its own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" 2> "$folder/log" <<'PYTHON' || { cat "$folder/log"; exit 1; }
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

steps, folder = 4, sys.argv[1]
draw = np.random.default_rng(0)
images = draw.uniform(0.3, 0.9, (64, 20)).astype(np.float32)
weight = draw.uniform(-0.3, 0.3, (20, 5)).astype(np.float32)
bias = np.array([-0.5, -0.25, 0.1, 0.25, 0.5], np.float32)
tensors = {"threshold": np.float32(1), "weight": weight, "bias": bias}


def network():
    """Neurons that integrate the image, subtract their threshold of 1 and feed a layer, unrolled."""
    nodes = []
    for now in range(steps):
        charged = f"charged_{now}" if now else "images"
        if now:
            nodes.append(helper.make_node("Add", [f"v_{now - 1}", "images"], [charged]))
        nodes += [
            helper.make_node("GreaterOrEqual", [charged, "threshold"], [f"fires_{now}"]),
            helper.make_node("Cast", [f"fires_{now}"], [f"spikes_{now}"], to=TensorProto.FLOAT),
            helper.make_node("Sub", [charged, f"spikes_{now}"], [f"v_{now}"]),
            helper.make_node("Gemm", [f"spikes_{now}", "weight", "bias"], [f"currents_{now}"]),
        ]
    given = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 20])
    made = [helper.make_tensor_value_info(f"currents_{now}", TensorProto.FLOAT, ["batch", 5]) for now in range(steps)]
    kept = [numpy_helper.from_array(value, name) for name, value in tensors.items()]
    graph = helper.make_graph(nodes, "network", [given], made, kept)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


class Images(CalibrationDataReader):
    def __init__(self):
        self.left = iter([{"images": images}])

    def get_next(self):
        return next(self.left, None)


def run(name):
    session = onnxruntime.InferenceSession(f"{folder}/{name}", providers=["CPUExecutionProvider"])
    return session.run(None, {"images": images})


onnx.save(network(), f"{folder}/plain.onnx")
plain = run("plain.onnx")
assert np.allclose(plain[0], bias)
for form in QuantFormat.QDQ, QuantFormat.QOperator:
    quantize_static(
        f"{folder}/plain.onnx", f"{folder}/quantized.onnx", Images(), quant_format=form, weight_type=QuantType.QInt8
    )
    offsets = [(found - right).mean(0) for found, right in zip(run("quantized.onnx"), plain, strict=True)]
    print(f"{form.name}: mean error by step", " ".join(f"{abs(each).mean():.4f}" for each in offsets))
    for now, offset in enumerate(offsets):
        lost = -bias if now and form == QuantFormat.QOperator else 0 * bias
        assert np.allclose(offset, lost, atol=0.03)
PYTHON
