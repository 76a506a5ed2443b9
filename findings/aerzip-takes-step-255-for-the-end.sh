#!/usr/bin/env bash
# AERzip 1.0.1: a spike in step 255 of 256 gives spikes of one neuron to another, and its own end time to a third.
#
# It compresses spikes by address: an address, its times in as few bytes as the largest one needs, and all bits set as
# the end of the list. Guess: spikes come back as they were, in another order. Seen: 255 is taken for a time of one byte
# and is the end mark too, as 65,535 is of two. What follows a spike at such a time is read one place off: the true end mark
# is neuron 255, the next neuron's number is a time, and its spikes are those of neuron 255. A raster of 256 steps with one
# spike in the last loses a neuron to one that does not exist, the number of spikes stays as it was, and no warning comes;
# with 255 or 257 steps it is right. If the last list ends with such a spike, reading raises EOFError.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==1.26.4
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps AERzip==1.0.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from collections import Counter

import numpy as np
from AERzip import loadCompressedFile, saveCompressedFile

NEURONS = 16


def compare(steps):
    raster = np.random.default_rng(0).random((steps, NEURONS)) < 0.1
    raster[0], raster[-1] = True, False
    raster[-1, 3] = True
    times, neurons = np.nonzero(raster)
    saveCompressedFile(neurons, times, f"./{steps}.aerzip")
    found, at = loadCompressedFile(f"./{steps}.aerzip")
    saved = Counter(zip(neurons.tolist(), times.tolist(), strict=True))
    read = Counter(zip(found.tolist(), at.tolist(), strict=True))
    moved = (saved - read).total()
    print(f"{steps} steps: {saved.total()} spikes saved, {read.total()} read, {moved} of them others")
    return saved - read, read - saved, saved.total() - read.total()


for steps in (255, 257, 65_535):
    assert compare(steps) == (Counter(), Counter(), 0)
lost, new, difference = compare(256)
print("lost", sorted(lost)[:4], "new", sorted(new)[:4])
assert difference == 0 and (3, 255) in lost and (255, 4) in new
assert {neuron for neuron, _ in lost} == {3, 4} and {neuron for neuron, _ in new} == {255}
assert {time for neuron, time in lost if neuron == 4} == {time for _, time in new} - {4}
lost, new, difference = compare(65_536)
assert lost.total() > 1000 and new.total() > 1000
PYTHON
