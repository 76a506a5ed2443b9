#!/usr/bin/env bash
# onnxsim 0.8.1, OnnxSlim 0.1.98 and onnxoptimizer 0.4.2: a Poisson encoder draws once and sends that at every step.
#
# Guess: a network that draws its input spikes at each step is smaller after an optimizer and does the same; what is
# random is left alone, and onnxsim does not fold it. Seen: all three merge nodes that have the same operator and the
# same input, also where it is `RandomUniformLike`. The encoder of SpikingJelly 2.0.0 compares its image with new
# numbers at each step; after the optimizer there is one draw for all. A pixel of 0.3 then fires at all 16 steps or at
# none, so that time averages nothing: the rate has the variance of one step, 16 times what it was. Means over images
# are right. onnxsim's own check, which compares outputs, is off by default, and of random ones it could tell nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6 loguru==0.7.3 tqdm==4.70.1 onnx==1.23.2 \
    onnxscript==0.7.2 onnxruntime==1.32.0 onnxsim==0.8.1 onnxslim==0.1.98 onnxoptimizer==0.4.2
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps spikingjelly==2.0.0
"$folder/venv/bin/python" -W ignore - 2> "$folder/log" <<'PYTHON' || { cat "$folder/log"; exit 1; }
import onnxoptimizer
import onnxruntime
import onnxsim
import onnxslim
import torch
from spikingjelly.activation_based import encoding
from torch import nn

steps, rate = 16, 0.3
images = torch.full((1, 1000), rate)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = encoding.PoissonEncoder()

    def forward(self, images):
        return sum(self.encoder(images) for _ in range(steps))


def fired(model):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {session.get_inputs()[0].name: images.numpy()})[0])


plain = torch.onnx.export(Network(), (images,), dynamo=True, verbose=False).model_proto
optimized = {
    "as exported": plain,
    "onnxsim": onnxsim.simplify(plain)[0],
    "OnnxSlim": onnxslim.slim(plain),
    "onnxoptimizer": onnxoptimizer.optimize(plain),
}
for name, model in optimized.items():
    draws = sum(node.op_type == "RandomUniformLike" for node in model.graph.node)
    counts = fired(model)
    levels = counts.unique().int().tolist()
    print(f"{name}: {draws} draws, counts of {levels}, mean {counts.mean():.2f}, variance {counts.var():.1f}")
    assert abs(counts.mean() / steps - rate) < 0.08
    if model is plain:
        assert draws == steps and len(levels) > 8 and counts.var() < 5
    else:
        assert draws == 1 and levels == [0, steps] and counts.var() > 40
PYTHON
