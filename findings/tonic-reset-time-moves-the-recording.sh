#!/usr/bin/env bash
# Tonic 1.7.0: `SliceByTime(reset_time=True)` writes into the recording, and gives negative times where slices overlap.
#
# Guess: each slice starts at 0 and the recording stays, so that slicing it twice gives the same twice. Seen: slices
# are views of the recording, and the resetting subtracts from them in place: afterwards the recording itself jumps
# back at every slice, and a second slicing finds nothing in two slices of three. Of overlapping slices each event is
# shifted once for each slice that it is in, and by windows where slices are a stride apart: of 6 slices of 100 us, a
# stride of 50 us apart, none but the first has a time between 0 and 100. What is cached in memory is changed for good.
# In a `SlicedDataset`, which calls two other methods of the slicer, the argument does nothing.
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
from tonic.slicers import SliceByTime


def recording():
    times = np.arange(0, 400, 25)
    zeros = np.zeros(len(times), int)
    return make_structured_array(zeros, zeros, times, zeros)


def times_of(slices):
    return [piece["t"].tolist() for piece in slices[0]]


events = recording()
slicer = SliceByTime(time_window=100, reset_time=True)
print("slices:", first := times_of(slicer.slice(events, 0)))
print("the recording afterwards:", events["t"].tolist())
print("sliced again:", second := times_of(slicer.slice(events, 0)))
assert first == [[0, 25, 50, 75]] * 3
assert events["t"].tolist() != recording()["t"].tolist()
assert first != second

overlapping = times_of(SliceByTime(time_window=100, overlap=50, reset_time=True).slice(recording(), 0))
print("overlapping slices:", overlapping)
assert all(min(times) < 0 for times in overlapping)

plain = recording()
slices, _ = slicer.slice_with_metadata(plain, 0, slicer.get_slice_metadata(plain, 0))
print("the third slice as a SlicedDataset gets it:", slices[2]["t"].tolist())
assert slices[2]["t"].tolist() == [200, 225, 250, 275]
PYTHON
