#!/usr/bin/env bash
# eventify-dvs 0.2.0: with interpolated frames, which are to refine times, a video has fewer events, and at last none.
#
# A pixel of an event camera remembers the brightness of its last event and fires when it has changed by the threshold since
# then; v2e and ESIM, whose "core idea" this is, do the same. Guess: `interp`, "interpolated sub-frames between real frames",
# spreads the events of a video over more times and leaves their number. Seen: each pair of sub-frames is compared by
# itself, what is left below the threshold is forgotten, and finer steps stay below it. Of a moving grating the 4
# sub-frames of the documentation's example leave one event in seven, 9 leave none, and a slow grating has none at all. A
# video of more frames a second loses events in the same way. No warning: the file is written and is empty.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6 h5py==3.16.0 opencv-python-headless==5.0.0.93
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps eventify-dvs==0.2.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import cv2
import numpy as np
from eventify import interpolate_frames, video_to_event_stream

THRESHOLD, SIDE, FRAMES = 0.05, 32, 33
columns = np.arange(SIDE)


def grating(frame, speed):
    wave = 128 + 40 * np.sin(2 * np.pi * (columns - speed * frame) / SIDE)
    return np.repeat(wave[None], SIDE, axis=0).round().astype(np.uint8)


def write(name, frames):
    video = cv2.VideoWriter(name, cv2.VideoWriter_fourcc(*"FFV1"), 30, (SIDE, SIDE))
    for frame in frames:
        video.write(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR))
    video.release()


def events_with_memory(frames, interp):
    level, count = np.log(frames[0] + 1.0), 0
    for before, after in zip(frames, frames[1:]):
        for step in interpolate_frames(before, after, interp)[1:]:
            crossed = np.trunc((np.log(step + 1.0) - level) / THRESHOLD)
            level, count = level + crossed * THRESHOLD, count + int(abs(crossed).sum())
    return count


def compare(name, speed):
    frames = [grating(frame, speed) for frame in range(FRAMES)]
    write(name, frames)
    counts = {}
    for interp in (0, 4, 9, 19):
        found = sum(len(chunk) for chunk in video_to_event_stream(name, c_thresh=THRESHOLD, interp=interp))
        counts[interp] = found, events_with_memory(frames, interp)
        print(f"{name}, {interp} sub-frames: {found} events, {counts[interp][1]} of pixels with a memory")
    return counts


fast, slow = compare("fast.avi", 4), compare("slow.avi", 0.25)
assert 0.85 < fast[0][0] / fast[0][1] < 1 and fast[4][0] < 0.2 * fast[0][0]
assert fast[9][0] == fast[19][0] == 0 and fast[19][1] > 0.95 * fast[0][1]
assert all(found == 0 and right > 5000 for found, right in slow.values())
PYTHON
