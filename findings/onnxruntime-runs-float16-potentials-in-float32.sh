#!/usr/bin/env bash
# ONNX Runtime 1.32.0: on an x86 CPU the potentials of a float16 network are float32, and so is its firing.
#
# Guess: what a float16 network does on a CPU is what it does elsewhere, if slowly: a CPU has few operators of float16, so
# that each of them is run in float32 and its result rounded, as the graph's types say. Seen: the casts between two such
# operators are left out, also with all optimizations off. In a graph of unrolled steps a potential is never rounded.
# Neurons with a time constant of 64 steps show it: in float16 the last gains before the threshold round to nothing, and
# those with inputs of up to 1.0146 never fire. ONNX Runtime gives the very spike counts of the float32 network, whose
# firing thus seems to be kept by float16. ONNX's own reference evaluator does as numpy does.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper
from onnx.reference import ReferenceEvaluator

steps = 320
inputs = np.linspace(1, 1.1, 41).astype(np.float16)
kinds = {np.float16: TensorProto.FLOAT16, np.float32: TensorProto.FLOAT}


def network(kind):
    """Leaky neurons with a threshold of 1 that subtract it."""
    constants = {"leak": np.array(1 / 64), "threshold": np.array(1.0), "v_0": np.zeros(len(inputs))}
    nodes = []
    for now in range(steps):
        nodes += [
            helper.make_node("Sub", ["inputs", f"v_{now}"], [f"lacks_{now}"]),
            helper.make_node("Mul", [f"lacks_{now}", "leak"], [f"gains_{now}"]),
            helper.make_node("Add", [f"v_{now}", f"gains_{now}"], [f"charged_{now}"]),
            helper.make_node("GreaterOrEqual", [f"charged_{now}", "threshold"], [f"fires_{now}"]),
            helper.make_node("Cast", [f"fires_{now}"], [f"spikes_{now}"], to=kinds[kind]),
            helper.make_node("Sub", [f"charged_{now}", f"spikes_{now}"], [f"v_{now + 1}"]),
        ]
    nodes.append(helper.make_node("Sum", [f"spikes_{now}" for now in range(steps)], ["fired"]))
    given, made = (helper.make_tensor_value_info(name, kinds[kind], inputs.shape) for name in ("inputs", "fired"))
    tensors = [helper.make_tensor(name, kinds[kind], each.shape, each.ravel()) for name, each in constants.items()]
    graph = helper.make_graph(nodes, "network", [given], [made], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    checker.check_model(model, full_check=True)
    return model


def by_hand(inputs):
    """In the inputs' own type."""
    potential, fired = np.zeros_like(inputs), np.zeros(inputs.shape, int)
    for _ in range(steps):
        potential = potential + (inputs - potential) * inputs.dtype.type(1 / 64)
        spikes = potential >= 1
        potential, fired = potential - spikes, fired + spikes
    assert potential.dtype == inputs.dtype
    return fired


def by_onnxruntime(kind, level):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    session = onnxruntime.InferenceSession(network(kind).SerializeToString(), options, ["CPUExecutionProvider"])
    return session.run(None, {"inputs": inputs.astype(kind)})[0].astype(int)


half, single = by_hand(inputs), by_hand(inputs.astype(np.float32))
assert (half == ReferenceEvaluator(network(np.float16)).run(None, {"inputs": inputs})[0]).all()
print(f"of {len(inputs)} neurons fire in float16 {(half > 0).sum()}, in float32 {(single > 0).sum()}")
print(f"in float16 all are silent up to an input of {inputs[half == 0].max()}")
assert (half > 0).sum() == 34 and (single > 0).sum() == 38 and not half[inputs < 1.015].any()
for level in ("ORT_DISABLE_ALL", "ORT_ENABLE_ALL"):
    found, plain = (by_onnxruntime(kind, getattr(onnxruntime.GraphOptimizationLevel, level)) for kind in kinds)
    print(f"ONNX Runtime, {level}: {(found > 0).sum()} fire in float16, {(plain > 0).sum()} in float32")
    assert (found == single).all() and (plain == single).all()
PYTHON
