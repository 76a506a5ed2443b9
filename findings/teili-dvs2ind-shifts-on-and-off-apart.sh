#!/usr/bin/env bash
# teili 1.1.0: ON and OFF events of one recording come back from `dvs2ind` with clocks of their own.
#
# It makes indices and times for two Brian2 spike generators, one for each polarity, of what `aedat2numpy` has read.
# Guess: times start at 0, and an OFF event 300 ms after an ON event stays there. Seen: the first ON event and the first OFF
# event are both taken for time 0, each for its own polarity. A light that goes on at 0 and off after 300 ms is, for the
# network, on and off at once, and what learns from the order of the two (a moving edge has one before the other)
# learns from none. With one polarity in the recording, or if both begin in one millisecond, nothing is seen of it. No
# warning; what was taken off is not given back.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps teili==1.1.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import importlib.util
import sys
import types
from pathlib import Path

import numpy as np

# Its __init__ needs Brian2 and packages for plots, and this part needs none of them.
indexing = types.ModuleType("teili.tools.indexing")
indexing.xy2ind = None
sys.modules["teili.tools.indexing"] = indexing
path = next(Path(folder, "teili/tools/converter.py") for folder in sys.path if Path(folder, "teili/tools").is_dir())
spec = importlib.util.spec_from_file_location("converter", path)
converter = importlib.util.module_from_spec(spec)
spec.loader.exec_module(converter)

SIDE = 16
x, y = (axis.ravel() for axis in np.meshgrid(np.arange(SIDE), np.arange(SIDE)))
pixels = x + y * SIDE


def recorded(on, off):
    """Events of an edge that runs over all columns, ON at `on` + column and OFF at `off` + column, in ms."""
    events = np.stack([np.r_[x, x], np.r_[y, y], 1000 * np.r_[on + x, off + x], np.r_[x * 0 + 1, x * 0]])
    return events[:, np.argsort(events[2], kind="stable")].astype(float)


for on, off in ((0, 0), (0, 300), (500, 300), (20, 40)):
    index_on, time_on, index_off, time_off = converter.dvs2ind(recorded(on, off), resolution=(SIDE, SIDE))
    first_on, first_off = (dict(zip(i, t, strict=True)) for i, t in ((index_on, time_on), (index_off, time_off)))
    apart = {first_off[pixel] - first_on[pixel] for pixel in pixels}
    print(f"ON from {on} ms, OFF from {off} ms: OFF comes {sorted(map(int, apart))} ms after ON, recorded {off - on}")
    assert len(first_on) == len(first_off) == SIDE * SIDE and apart == {0}
    assert set(first_on.values()) == set(range(SIDE))
PYTHON
