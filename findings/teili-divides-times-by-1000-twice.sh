#!/usr/bin/env bash
# teili 1.1.0: a recording of a second that is read and turned into indices is a millisecond long, and nearly empty.
#
# `dvs2ind` "converts events extracted from an aedat file using aedat2numpy into 1D vectors of neuron indices and
# timestamps". Guess: what one returns the other takes, and times are in milliseconds. Seen: `aedat2numpy` returns
# milliseconds unless told another unit, and `dvs2ind` divides by 1,000, since "the DVS timestamps are in microseconds". It
# rounds up to whole numbers and leaves out what a pixel does within one of them, so that of all events of a pixel in the
# second one of each polarity is left, at 0 or 1. Of 2,000 events of 50 pixels 100 come out, and 1,999 if the reader is
# told unit="us": the last event of a file is never read. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps teili==1.1.0
cd "$folder"
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

# 50 pixels of a DVS128 fire in turn, 40 times each, once in 25 ms, ON and OFF by turns.
PIXELS, TURNS = 50, 40
pixel, turn = np.tile(np.arange(PIXELS), TURNS), np.repeat(np.arange(TURNS), PIXELS)
microseconds = 25_000 * turn + 100 * pixel
address = ((pixel // 10) << 8) | ((pixel % 10) << 1) | (turn % 2)
data = np.stack([address, microseconds], axis=1).astype(">u4").tobytes()
Path("recording.aedat").write_bytes(b"#!AER-DAT2.0\r\n# 50 pixels\r\n" + data)

counts = {}
for name, options in ("as they come", {}), ('unit="us"', {"unit": "us"}):
    events = converter.aedat2numpy("recording.aedat", camera="DVS128", **options)
    assert np.allclose(events[2], microseconds[:-1] / (1 if options else 1000))
    index_on, time_on, index_off, time_off = converter.dvs2ind(events, resolution="DVS128")
    counts[name] = len(index_on) + len(index_off)
    last = int(max(time_on.max(), time_off.max()))
    print(f"{name}: {events.shape[1]} of {PIXELS * TURNS} events read, {counts[name]} left, the last at {last} ms")
    assert (last, counts[name]) == ((955, PIXELS * TURNS - 1) if options else (1, 2 * PIXELS))
    assert options or (len(set(index_on)) == len(index_on) and set(time_on) | set(time_off) <= {0, 1})
PYTHON
