#!/usr/bin/env bash
# faery 0.7.1: a recording in Event Stream format (.es) comes out upside down, and so does one that it writes there.
#
# Guess: faery and event_stream, by the same people as the format, give the same pixels for the same file. Seen: an
# event that event_stream 1.6.3 puts into row 7, whose two bytes in the file say 7, is in row 232 of 240 for faery; x,
# times and polarities agree. A DAT file that faery converts to .es is in turn mirrored for event_stream, while faery's
# AEDAT4 of the same events is upright for aedat 2.3.0. Within faery the two turns cancel, so that a round trip shows
# nothing; the format's specification and the texts of both packages name no origin. A network trained on frames of one
# reader sees mirrored frames of the other, where clockwise and anticlockwise gestures change places.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile faery==0.7.1 event-stream==1.6.3 aedat==2.3.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from pathlib import Path

import aedat
import event_stream
import faery
import numpy as np

WIDTH, HEIGHT = 320, 240
rng = np.random.default_rng(0)
t = np.sort(rng.choice(900_000, 1000, replace=False))
x, y, on = rng.integers(0, WIDTH, 1000), rng.integers(0, HEIGHT, 1000), rng.integers(0, 2, 1000)
t[0] = 0  # A file of this format starts at its first event.

events = np.zeros(1000, dtype=event_stream.dvs_dtype)
events["t"], events["x"], events["y"], events["on"] = t, x, y, on
with event_stream.Encoder("written.es", "dvs", WIDTH, HEIGHT) as encoder:
    encoder.write(events)
stored = int.from_bytes(Path("written.es").read_bytes()[23:25], "little")  # Header 20 bytes, time 1, x 2, y 2.
read = faery.events_stream_from_file("written.es").to_array()
print(f"written by event_stream: first row {y[0]}, in the file {stored}, read by faery as {read['y'][0]}")
assert stored == y[0] and (read["y"] == HEIGHT - 1 - y).all()
assert (read["t"] == t).all() and (read["x"] == x).all() and (read["on"] == on).all()

words = np.zeros(1000, dtype=[("t", "<u4"), ("address", "<u4")])
words["t"], words["address"] = t, on << 28 | y << 14 | x
head = f"% Data file containing CD events.\n% Version 2\n% Height {HEIGHT}\n% Width {WIDTH}\n".encode()
Path("recording.dat").write_bytes(head + bytes([12, 8]) + words.tobytes())
assert (faery.events_stream_from_file("recording.dat").to_array()["y"] == y).all()
for path in "converted.es", "converted.aedat4":
    faery.events_stream_from_file("recording.dat").to_file(path)
by_event_stream = np.concatenate(list(event_stream.Decoder("converted.es")))
packets = (packet["events"] for packet in aedat.Decoder("converted.aedat4") if "events" in packet)
by_aedat = np.concatenate(list(packets))
print(f"recording.dat: first row {y[0]}; converted by faery, read by aedat as {by_aedat['y'][0]}", end=", ")
print(f"by event_stream as {by_event_stream['y'][0]}")
assert (by_aedat["y"] == y).all() and (by_event_stream["y"] == HEIGHT - 1 - y).all()
PYTHON
