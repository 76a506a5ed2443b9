#!/usr/bin/env bash
# Tonic 1.7.0: `CropTime` without a `max` cuts every recording to the length of the first one that it saw.
#
# Guess: `CropTime(min=1000)` drops what is before 1,000 and keeps the rest, of each recording. Seen: at its first call
# the transform stores the last time of that recording as its own `max`. Of a second recording that is twice as long
# half is left, and how much of a data set is left depends on which sample came first, so on the seed of the shuffling
# and, since each worker of a loader has its copy, on the number of workers. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6 h5py==3.16.0 scipy==1.17.1 tqdm==4.70.1 \
    requests==2.34.2 typing-extensions==4.16.0
"$folder/venv/bin/pip" install --quiet --no-deps tonic==1.7.0 importRosbag==1.0.4 expelliarmus==1.1.12
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from tonic.io import make_structured_array
from tonic.transforms import CropTime


def recording(length):
    times = np.arange(0, length, 100)
    zeros = np.zeros(len(times), int)
    return make_structured_array(zeros, zeros, times, zeros)


def kept(order):
    crop = CropTime(min=1000)
    return {length: len(crop(recording(length))) for length in order}


expected = {length: int((recording(length)["t"] >= 1000).sum()) for length in (10_000, 20_000)}
short_first, long_first = kept((10_000, 20_000)), kept((20_000, 10_000))
print(f"events after 1,000 us: {expected}; the short one first: {short_first}; the long one first: {long_first}")
assert long_first == expected
assert short_first == {10_000: 90, 20_000: 90}
PYTHON
