#!/usr/bin/env bash
# bimvee 2.0.0: a recording in EVT 3.0 is read as one in EVT 2.0, though its header says "% evt 3.0".
#
# Prophesee's newer cameras write EVT 3.0, words of 16 bits. Guess: `importProph`, for "Prophesee .raw", reads both formats
# or refuses one. Seen: it puts the header's version into its info and reads all as 32-bit words of EVT 2.0. What comes out
# are other events at other pixels, hundreds of seconds of them in place of 0.2, most of one polarity; where the number of
# words is odd it raises. The one sign is a line that some event types "are not being decoded".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps bimvee==2.0.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from pathlib import Path

import numpy as np
from bimvee.importProph import importProph

rng = np.random.default_rng(0)
t, x, y, on = np.sort(rng.integers(0, 200_000, 4000)), *rng.integers(0, 480, (2, 4000)), rng.integers(0, 2, 4000)
Y, X, LOW, HIGH = (kind << 12 for kind in (0b0000, 0b0010, 0b0110, 0b1000))


def evt3():
    high = low = None
    for time, column, row, sign in np.stack([t, x, y, on], axis=1).tolist():
        if time >> 12 != high:
            high, low = time >> 12, None
            yield HIGH | high
        if time & 0xFFF != low:
            low = time & 0xFFF
            yield LOW | low
        yield from (Y | row, X | sign << 11 | column)


words = list(evt3())
words += [words[-3]] * (len(words) % 2)  # The time again, for an even number of words.
head = b"% evt 3.0\n% format EVT3;height=480;width=640\n% geometry 640x480\n% end\n"
Path("recording.raw").write_bytes(head + np.array(words, dtype="<u2").tobytes())
read = importProph(filePathOrName="recording.raw", zeroTime=False)
events = read["data"]["ch0"]["dvs"]
true = set(zip(t.tolist(), x.tolist(), y.tolist(), strict=True))
times = np.round(events["ts"] * 1e6).astype(int).tolist()
right = sum(event in true for event in zip(times, events["x"].tolist(), events["y"].tolist(), strict=True))
print("evt", read["info"]["evt"].strip(), f"- {len(times)} events of 4000, {right} of them right, up to", end=" ")
print(f"{max(times) / 1e6:.0f} s in place of 0.2; of {len(times)} {int(events['pol'].sum())} are ON, of 4000 {int(on.sum())}")
assert read["info"]["evt"].strip() == "3.0" and right == 0 and max(times) > 10_000_000
PYTHON
