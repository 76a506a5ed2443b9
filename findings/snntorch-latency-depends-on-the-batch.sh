#!/usr/bin/env bash
# snnTorch 1.0.0: when the pixels of an image spike depends on the darkest pixel of its batch, by a factor of 200.
#
# Guess: `spikegen.latency(images, normalize=True)` codes each image by itself, so that its "final spike(s) occur within
# num_steps" and it has the same spikes alone and in any batch. Seen: times are divided by the latest one of the batch.
# Values up to the threshold are set to the threshold plus `epsilon`, said to be there for rounding errors, and their
# time is the logarithm of threshold / epsilon. One black pixel in another image, and the spikes of this one, which were
# spread over 100 steps, come within the first 7, or all in the first one. So a test of single images is not one of the
# batches that a network was trained on, and where backgrounds are black nearly all greys are one step. `linear=True` is
# not affected.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0
"$folder/venv/bin/pip" install --quiet --no-compile snntorch==1.0.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import math

import torch
from snntorch import spikegen

THRESHOLD, EPSILON = 0.01, 1e-7  # the defaults
values = [0.02, 0.05, 0.1, 0.2, 0.5, 1.0], [0.2, 0.3, 0.4, 0.6, 0.8, 1.0]


def times(*images, **options):
    spikes = spikegen.latency(torch.tensor(images), num_steps=100, normalize=True, **options)
    return spikes[:, 0].argmax(0).tolist()


def code(image, latest):
    return [round(99 * math.log(v / (v - THRESHOLD)) / latest) for v in image]


for image in values:
    alone, beside = times(image), times(image, [0.0] * 6)
    print(f"{image}: spikes at {alone}, beside a black image at {beside}")
    assert alone == code(image, math.log(min(image) / (min(image) - THRESHOLD)))
    assert beside == code(image, math.log(THRESHOLD / EPSILON))
    assert alone[0] == 99 and beside[0] < 10
    assert times(image, linear=True) == times(image, [0.0] * 6, linear=True)
assert times(values[1], [0.0] * 6) == [0] * 6
PYTHON
