#!/usr/bin/env bash
# evlib 0.13.2: events that it saves to HDF5 come back as ON, all of them, and at time 0.
#
# Guess: what evlib has loaded, `save_events_to_hdf5` saves and `load_events` loads again, as its text files do. Seen: its
# events have polarities of -1 and 1; the file has them, and its own reader, which takes files of 0 and 1, makes every one
# of them 1. Times in seconds, which `save_events_to_text` needs, are read back as whole microseconds, so that a recording
# of less than a second is one instant; in microseconds they come back, which in turn makes a text file a million times as
# long. Neither docstring gives a unit. Pixels and the number of events stay, and no warning comes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile evlib==0.13.2 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import evlib
import numpy as np

rng = np.random.default_rng(0)
t = np.sort(rng.choice(900_000, 1000, replace=False))
x, y, sign = rng.integers(0, 320, 1000), rng.integers(0, 240, 1000), rng.choice([-1, 1], 1000)
UNITS = {"seconds": 1e6, "microseconds": 1.0}
SAVE = {"events.txt": evlib.save_events_to_text, "events.h5": evlib.save_events_to_hdf5}
found = {}
for path, save in SAVE.items():
    for unit, scale in UNITS.items():
        save(x, y, t / scale, sign, path)
        read = evlib.load_events(path).collect()
        times = read["t"].to_physical().to_numpy()
        assert (read["x"].to_numpy() == x).all() and (read["y"].to_numpy() == y).all()
        kept = bool(np.abs(times - t).max() <= 1)
        found[path, unit] = kept, int((read["polarity"] > 0).sum()), int(times[-1])
        print(f"{path} from {unit}: times kept: {kept}, {found[path, unit][1]} of 1000 ON, last at {times[-1]} microseconds")
ons = int((sign > 0).sum())
print(f"saved were {ons} of 1000 ON, the last at {t[-1]} microseconds")
assert found["events.txt", "seconds"][:2] == (True, ons) and not found["events.txt", "microseconds"][0]
assert found["events.h5", "seconds"] == (False, 1000, 0)
assert found["events.h5", "microseconds"][:2] == (True, 1000)
PYTHON
