#!/usr/bin/env bash
# Tonic 1.7.0: `DropEventByArea(area_ratio=(0.05, 0.1))` drops boxes of up to the whole sensor, a third of all events.
#
# Guess: "if a tuple of 2 floats, the ratio is randomly chosen in [min, max)", so that a box is at most a tenth of the
# sensor. Seen: the two numbers are joined by `and` in place of a comma, which is the second of them alone, and a
# uniform number from there to 1 is drawn. The maximum that was asked for is the minimum, and nothing bounds a box. The
# ratio is that of the sides: a fixed 0.1 drops a hundredth of the sensor. `DropEventByTime` draws from its range.
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
from tonic.transforms import DropEventByArea, DropEventByTime

np.random.seed(0)
x, y = (axis.ravel() for axis in np.meshgrid(np.arange(100), np.arange(100)))
events = make_structured_array(x, y, np.random.permutation(10_000), x % 2)


def dropped(transform):
    shares = [1 - len(transform(events)) / len(events) for _ in range(200)]
    return min(shares), sum(shares) / len(shares), max(shares)


for name, transform in {
    "area, 0.1": DropEventByArea((100, 100, 2), 0.1),
    "area, (0.05, 0.1)": DropEventByArea((100, 100, 2), (0.05, 0.1)),
    "time, (0.05, 0.1)": DropEventByTime((0.05, 0.1)),
}.items():
    least, mean, most = dropped(transform)
    print(f"{name}: of all events at least {least:.3f}, on average {mean:.3f}, at most {most:.3f} are dropped")
    assert (mean > 0.3 and most > 0.9) if name == "area, (0.05, 0.1)" else most < 0.11
PYTHON
