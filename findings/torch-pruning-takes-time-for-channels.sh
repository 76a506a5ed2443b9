#!/usr/bin/env bash
# Torch-Pruning 1.6.1: of a network of SpikingJelly 2.0.0 that runs all steps at once it prunes nothing, and says nothing.
#
# Guess: both step modes are pruned alike, since their layers and weights are the same. Seen: in step mode "m" every layer
# folds (T, N, C, ...) into (T * N, C, ...) and unfolds it again. The dependency graph takes the unfolding for a reshape of
# channels and a neuron's steps for a split of them, so that what belongs to two channels of a layer is all its channels.
# Such a group is passed over without a word: 50 % are asked for, all channels stay, and an accuracy and firing rates that
# do not move seem to say that pruning costs nothing. With few steps and many channels (4 and 64) some layers do lose
# channels, and the network no longer runs. In step mode "s" half of them go; that network can be set to "m" afterwards.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6 loguru==0.7.3 tqdm==4.70.1 requests==2.34.2
"$folder/venv/bin/pip" install --quiet --no-deps spikingjelly==2.0.0 torch-pruning==1.6.1
"$folder/venv/bin/python" -W ignore - 2> "$folder/log" <<'PYTHON' || { cat "$folder/log"; exit 1; }
import torch
import torch_pruning
from spikingjelly.activation_based import functional, layer, neuron
from torch import nn


def network(step_mode, channels):
    torch.manual_seed(0)
    parts = []
    for inputs in 3, channels, channels:
        parts += [layer.Conv2d(inputs, channels, 3, padding=1), layer.BatchNorm2d(channels), neuron.LIFNode(v_threshold=0.1)]
    parts += [layer.AdaptiveAvgPool2d(1), layer.Flatten(), layer.Linear(channels, 10)]
    made = nn.Sequential(*parts).eval()
    functional.set_step_mode(made, step_mode)
    return made


def run(network, images):
    functional.reset_net(network)
    return network(images)


def pruned(step_mode, channels, images):
    half = network(step_mode, channels)
    importance = torch_pruning.importance.MagnitudeImportance(p=2)
    options = {"pruning_ratio": 0.5, "ignored_layers": [half[-1]], "forward_fn": run}
    pruner = torch_pruning.pruner.MagnitudePruner(half, images, importance, **options)
    functional.reset_net(half)
    pruner.step()
    return half


def kept(network):
    return [part.out_channels for part in network if isinstance(part, nn.Conv2d)]


def same_weights(ours, theirs):
    return all(torch.equal(*pair) for pair in zip(ours.parameters(), theirs.parameters(), strict=True))


for steps, channels in (1, 16), (4, 16), (6, 64):
    images = torch.rand(steps, 2, 3, 8, 8)
    many, single = pruned("m", channels, images), pruned("s", channels, images[0])
    print(f"{steps} steps, three layers of {channels}: {kept(many)} stay in step mode m, {kept(single)} in s")
    assert kept(single) == 3 * [channels // 2] and kept(many) == 3 * [channels if steps > 1 else channels // 2]
    assert same_weights(many, network("m", channels)) == (steps > 1)
    functional.reset_net(single)
    by_step = torch.stack([single(step) for step in images])
    functional.set_step_mode(single, "m")
    assert torch.allclose(run(single, images), by_step, atol=1e-5)
    assert steps == 1 or len(by_step.flatten(1).unique(dim=0)) > 1
PYTHON
