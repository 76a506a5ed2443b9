#!/usr/bin/env bash
# QONNX 1.0.0: `execute_onnx` draws the same random numbers at every step and in every run, and `cleanup_model` keeps them.
#
# Guess: a network that draws its input spikes runs as elsewhere in ONNX, and folding takes constants only. Seen: each node
# is run by an ONNX Runtime session of its own, made anew, and a new session begins with the same seed: all draws of a
# process are the same numbers. An encoder that fires where a pixel is above a new random number fires at all 8 steps or
# at none, and alike in every run. `FoldConstants`, a step of `cleanup_model`, takes a `RandomUniform` for constant, since
# it has no inputs, and saves that one draw for all steps; then so does every other runtime. A whole session of ONNX
# Runtime 1.32.0 gives each step and each run its own numbers. Time averages nothing, and an accuracy that is measured
# over repetitions has no spread. `RandomUniformLike` is kept by the folding; executed, it is the same.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile qonnx==1.0.0 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.util.cleanup import cleanup_model

steps, pixels, runs = 8, 500, 10
image = np.full((1, pixels), 0.3, np.float32)


def network(operator):
    """The counts of an encoder that compares each pixel with a new random number at each step."""
    nodes = []
    for now in range(steps):
        inputs, options = (["image"], {}) if operator == "RandomUniformLike" else ([], {"shape": [1, pixels]})
        nodes += [
            helper.make_node(operator, inputs, [f"random_{now}"], **options),
            helper.make_node("Greater", ["image", f"random_{now}"], [f"fires_{now}"]),
            helper.make_node("Cast", [f"fires_{now}"], [f"spikes_{now}"], to=TensorProto.FLOAT),
        ]
    nodes.append(helper.make_node("Sum", [f"spikes_{now}" for now in range(steps)], ["counts"]))
    given, made = (helper.make_tensor_value_info(name, TensorProto.FLOAT, image.shape) for name in ("image", "counts"))
    graph = helper.make_graph(nodes, "encoder", [given], [made])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    return ModelWrapper(model).transform(InferShapes())


def by_qonnx(model):
    given, made = model.graph.input[0].name, model.graph.output[0].name
    return np.stack([execute_onnx(model, {given: image})[made][0] for _ in range(runs)])


def by_session(model):
    session = onnxruntime.InferenceSession(model.model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.stack([session.run(None, {session.get_inputs()[0].name: image})[0][0] for _ in range(runs)])


for operator in "RandomUniform", "RandomUniformLike":
    model = network(operator)
    cleaned = cleanup_model(model)
    ways = {
        "ONNX Runtime": by_session(model),
        "QONNX": by_qonnx(model),
        "ONNX Runtime, cleaned": by_session(cleaned),
    }
    for way, counts in ways.items():
        levels, spread = np.unique(counts).astype(int).tolist(), counts.std(0).mean()
        print(f"{operator}, {way}: counts of {levels}, deviation over {runs} runs {spread:.2f}")
        frozen = way == "QONNX" or (way.endswith("cleaned") and operator == "RandomUniform")
        assert (levels == [0, steps] and spread == 0) if frozen else (len(levels) > 6 and spread > 1)
PYTHON
