#!/usr/bin/env bash
# PyTorch 2.13.0 and ONNX Runtime 1.32.0: spikes drawn by `torch.bernoulli` at each step are drawn once for all.
#
# Guess: a network that draws new spikes at each step of its loop draws them anew in ONNX. Seen: `torch.onnx.export`
# passes its graph through onnx-ir 1.1.0, which merges nodes of the same operator and input, and knows four random
# operators not to touch, uniform and normal ones; `Bernoulli` is not among them. With `optimize=False` the nodes are
# kept, and ONNX Runtime merges them in its turn, unless its optimizations are off. Rate-coded pixels of 0.5 then send the
# same spikes at every step: half of them fire always and half never, and no number of steps averages it. Encoders that
# compare with `torch.rand_like` are kept apart by both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6 onnx==1.23.2 onnx-ir==1.1.0 \
    onnxscript==0.7.2 onnxruntime==1.32.0
"$folder/venv/bin/python" -W ignore - 2> "$folder/log" <<'PYTHON' || { cat "$folder/log"; exit 1; }
import onnxruntime
import torch
from torch import nn

steps = 8
images = torch.full((1, 1000), 0.5)


class Bernoulli(nn.Module):
    def forward(self, images):
        return torch.stack([torch.bernoulli(images) for _ in range(steps)])


class Uniform(nn.Module):
    def forward(self, images):
        return torch.stack([(torch.rand_like(images) < images).float() for _ in range(steps)])


def exported(network, optimize):
    return torch.onnx.export(network, (images,), dynamo=True, verbose=False, optimize=optimize).model_proto


def drawn(model, level):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {session.get_inputs()[0].name: images.numpy()})[0])


for network in Bernoulli(), Uniform():
    for optimize in True, False:
        model = exported(network, optimize)
        for level in "ORT_DISABLE_ALL", "ORT_ENABLE_ALL":
            spikes = drawn(model, level)
            patterns = len(spikes.unique(dim=0))
            print(f"{type(network).__name__}, optimize={optimize}, {level}: {patterns} patterns in {steps} steps")
            merged = isinstance(network, Bernoulli) and (optimize or level == "ORT_ENABLE_ALL")
            assert patterns == (1 if merged else steps)
            assert abs(spikes.mean() - 0.5) < 0.1
assert len(Bernoulli()(images).unique(dim=0)) == steps
PYTHON
