#!/usr/bin/env bash
# ExecuTorch 1.5.1: a neuron's state begins at 0 on the device, whatever it began with: half a spike less, or far more.
#
# Guess: a potential or a threshold in a buffer is saved with its value, as weights are and as `torch.export` keeps it.
# Seen: of a buffer that changes only its size is saved, and a program starts with zeros. Networks converted from others
# start at half the threshold, so that counts are rounded and not cut (Bu et al. 2022): here they lose half a spike each,
# an eighth of the largest count. A threshold of 1 that grows with each spike starts at 0, so that a neuron with little
# input fires at every step. The warning of `to_executorch` calls the value that was set meaningless.
# `InitializedMutableBufferPass` saves it; it takes parts of names.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 torchao==0.18.0 numpy==2.4.6 PyYAML==6.0.4 packaging==26.4 \
    flatbuffers==25.12.19 ruamel.yaml==0.19.1 tabulate==0.10.0 pandas==3.1.1
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps executorch==1.5.1
"$folder/venv/bin/python" -W ignore - "$folder" 2> "$folder/log" <<'PYTHON' || { cat "$folder/log"; exit 1; }
import copy
import sys

import torch
from executorch.exir import ExecutorchBackendConfig, to_edge
from executorch.exir.passes.init_mutable_pass import InitializedMutableBufferPass
from executorch.runtime import Runtime
from torch import nn

steps = 4
inputs = torch.linspace(0, 1, 101)


class Neurons(nn.Module):
    def __init__(self, potential, growth):
        super().__init__()
        self.register_buffer("state_potential", torch.full_like(inputs, potential))
        self.register_buffer("state_threshold", torch.ones_like(inputs))
        self.growth = growth

    def forward(self, inputs):
        charged = self.state_potential + inputs
        spikes = (charged >= self.state_threshold).float()
        self.state_potential.copy_(charged - spikes * self.state_threshold)
        if self.growth:
            self.state_threshold.copy_(self.state_threshold + self.growth * spikes)
        return spikes


def counts(step):
    return sum(step(inputs).clone() for _ in range(steps))


def on_device(neurons, *passes):
    program = to_edge(torch.export.export(copy.deepcopy(neurons), (inputs,)))
    program = program.to_executorch(ExecutorchBackendConfig(passes=list(passes)))
    with open(f"{sys.argv[1]}/neurons.pte", "wb") as file:
        file.write(program.buffer)
    method = Runtime.get().load_program(f"{sys.argv[1]}/neurons.pte").load_method("forward")
    return counts(lambda inputs: method.execute([inputs])[0])


def by_hand(potential, threshold, growth):
    neurons = Neurons(potential, growth)
    neurons.state_threshold.fill_(threshold)
    return counts(neurons)


for potential, growth, told in (0.5, 0.0, "from half the threshold"), (0.0, 0.1, "with a growing threshold"):
    neurons = Neurons(potential, growth)
    right = counts(copy.deepcopy(neurons))
    exported = counts(torch.export.export(copy.deepcopy(neurons), (inputs,)).module())
    found, kept = on_device(neurons), on_device(neurons, InitializedMutableBufferPass(["state_"]))
    means = " ".join(f"{each.mean():.2f}" for each in (right, exported, found, kept))
    print(f"{told}: mean spikes in {steps} steps, eager, exported, ExecuTorch, with the pass: {means}")
    assert torch.equal(right, exported) and torch.equal(right, kept)
    assert torch.equal(found, by_hand(0, 0 if growth else 1, growth))
    assert abs(found.mean() - right.mean()) > 0.4
PYTHON
