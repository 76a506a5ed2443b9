#!/usr/bin/env bash
# SpikingJelly 2.0.0: events that a filter took out of an AEDAT 3.1 recording come back with `load_aedat_v3`.
#
# In AEDAT 3.1 the lowest bit of each event says whether it is valid: cAER's filters of noise and hot pixels clear the bit
# and leave the event where it is, and the packet's header says how many are valid (libcaer, VALID_MARK_SHIFT). Guess: a
# reader leaves out what is not valid. Seen: neither the bit nor the header's count is looked at, and all events of the
# packet are returned as if they were of the same kind. A hot pixel that was filtered away has 3 events of 10 here, and
# is back in the frames. The reader that it names as its source, dv-python, does the same.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6 h5py==3.16.0 scipy==1.17.1 tqdm==4.70.1 \
    loguru==0.7.3 requests==2.34.2
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps spikingjelly==2.0.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import struct
import sys
from pathlib import Path
from unittest.mock import MagicMock

# Only downloads, pictures and audio need these.
for name in ("torchvision", "torchvision.datasets", "torchvision.datasets.utils", "torchaudio", "torchaudio.functional",
             "torchaudio.transforms", "matplotlib"):
    sys.modules[name] = MagicMock()
sys.modules["torchvision.datasets"].DatasetFolder = object

import numpy as np
from spikingjelly.datasets.utils import integrate_events_by_fixed_frames_number, load_aedat_v3

HEAD = "#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#Start-Time: 2026-01-01 00:00:00 (TZ+0000)\r\n#!END-HEADER\r\n"
HOT = 20, 50
rng = np.random.default_rng(0)
x, y = rng.integers(64, 128, (2, 1000))
on, t, hot = rng.integers(0, 2, 1000), np.sort(rng.integers(0, 1_000_000, 1000)), rng.random(1000) < 0.3
x[hot], y[hot] = HOT
valid = (~hot).astype(int)
words = np.stack([x << 17 | y << 2 | on << 1 | valid, t], axis=1).astype("<u4")
# Type 1 is polarity; source, size of an event, offset of its time, overflows, capacity, number of events, and of valid ones.
header = struct.pack("<HHIIIIII", 1, 1, 8, 4, 0, 1000, 1000, int(valid.sum()))
Path("filtered.aedat").write_bytes(HEAD.encode() + header + words.tobytes())

events = load_aedat_v3("filtered.aedat")
everything = {"x": x, "y": y, "t": t, "p": on}
frames = integrate_events_by_fixed_frames_number(events, "number", 10, 128, 128)
column, row = HOT
print(f"valid events: {valid.sum()} of 1000; read: {len(events['t'])}; at the hot pixel: {frames[:, :, row, column].sum():.0f}")
assert all((events[name] == everything[name]).all() for name in "xytp")
assert frames.sum() == 1000 and frames[:, :, row, column].sum() == hot.sum() == 1000 - valid.sum()
PYTHON
