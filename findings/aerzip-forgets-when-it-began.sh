#!/usr/bin/env bash
# AERzip 1.0.1: a file begins at time 0 when it is read, whenever it began when it was written.
#
# `min_timestamp` is the smallest time of the list, "not required, but can speed up the compression". Guess: it is found when
# it is not given, is taken off to save bytes, as its code says, and is put back on reading. Seen: it is taken off and is in
# no file. Two parts of one recording, compressed one after the other, come back on top of each other; of two sensors that
# saw the same, the one that saw it later is as early as the other, and the time between them is gone. With
# `min_timestamp=0` all times come back, so that what is to be a matter of speed decides upon the data. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==1.26.4
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps AERzip==1.0.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from AERzip import loadCompressedFile, saveCompressedFile

rng = np.random.default_rng(0)
times, addresses = np.sort(rng.integers(0, 200_000, 400)), rng.integers(0, 64, 400)


def back(part, **options):
    saveCompressedFile(addresses[part], times[part], "./part.aerzip", overwrite=True, **options)
    read = loadCompressedFile("./part.aerzip")
    return sorted(zip(*(column.tolist() for column in read), strict=True))


halves, offsets = (slice(0, 200), slice(200, 400)), []
for part in halves:
    saved = sorted(zip(addresses[part].tolist(), times[part].tolist(), strict=True))
    read, given = back(part), back(part, min_timestamp=int(times[part][0]))
    zero = back(part, min_timestamp=0)
    offsets.append(int(times[part][0]))
    print(f"saved {times[part][0]} to {times[part][-1]}, read {min(t for _, t in read)} to {max(t for _, t in read)}, "
          f"with min_timestamp=0 {min(t for _, t in zero)} to {max(t for _, t in zero)}")
    assert read == given == [(address, t - offsets[-1]) for address, t in saved]
    assert zero == saved
assert offsets[1] > 90_000
PYTHON
