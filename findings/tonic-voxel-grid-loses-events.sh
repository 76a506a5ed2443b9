#!/usr/bin/env bash
# Tonic 1.7.0: a voxel grid of B bins loses 1 / (2 B) of its events, all of them at its end: half of them at B = 1.
#
# Guess: each event is shared out between the two bins next to it, so that the grid of N ON events sums to N. Seen: times
# are scaled to 0 to B, while there are bins at 0 to B - 1; what should go to a bin B is dropped, so that the last bin fades
# out towards the end of the recording. At 5 bins a tenth of all events is missing, at 2 a quarter. The code that Tonic
# names as its source (rpg_e2vid), scales to 0 to B - 1, as does evio 0.1.0, which sums to N; a network trained on one
# grid sees other inputs, later in time and weaker, in the other.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 h5py==3.16.0 scipy==1.17.1 tqdm==4.70.1 requests==2.34.2 typing-extensions==4.16.0
"$folder/venv/bin/pip" install --quiet --no-deps tonic==1.7.0 importRosbag==1.0.4 expelliarmus==1.1.12 evio==0.1.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import evio
import numpy as np
from tonic.transforms import ToVoxelGrid

times, zeros = np.arange(100_001), np.zeros(100_001, int)
events = np.zeros(len(times), dtype=[("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", np.int8)])
events["t"], events["p"] = times, 1
same = evio.from_arrays(t=times, x=zeros, y=zeros, p=np.ones_like(times))
for bins in 1, 2, 5, 10:
    by_tonic = ToVoxelGrid(sensor_size=(1, 1, 2), n_time_bins=bins)(events).ravel() / len(times)
    by_evio = evio.voxel_grid(same, bins, (1, 1)).ravel() / len(times)
    print(f"{bins} bins, share of events: tonic {by_tonic.sum():.3f}, evio {by_evio.sum():.3f}")
    assert abs(by_tonic.sum() - (1 - 1 / (2 * bins))) < 1e-3
    assert abs(by_evio.sum() - 1) < 1e-3
PYTHON
