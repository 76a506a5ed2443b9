#!/usr/bin/env bash
# evlib 0.13.2 and evutils 0.3.18 each read one of the two word orders of EVT 2.1, and make up events from the other.
#
# Prophesee's cameras write the 64-bit words of EVT 2.1 in two ways, and say so in the header's format: IMX636
# "EVT21;...;endianness=legacy", halves swapped, GenX320 "EVT21;endianness=little;..." (OpenEB, hal_psee_plugins). Guess: a
# reader of EVT 2.1 looks there, or refuses what it cannot read. Seen: evlib takes every file for little, evutils for
# legacy; its own refusal of "little" looks for a header line of that name alone. Of 4,000 events each reader gives exactly
# those of its own order, and some 50,000 of the other's, at times and pixels where nothing happened. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet evlib==0.13.2 evutils==0.3.18 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from pathlib import Path

import evlib
import numpy as np
from evutils.io import EventReader

HEAD = "% date 2026-01-01 00:00:00\n% evt 2.1\n% format {}\n% geometry 320x320\n% end\n"
FORMATS = {
    "little": "EVT21;endianness=little;height=320;width=320",
    "legacy": "EVT21;height=320;width=320;endianness=legacy",
}
rng = np.random.default_rng(0)
t, x, y, on = np.sort(rng.integers(0, 200_000, 4000)), *rng.integers(0, 320, (2, 4000)), rng.integers(0, 2, 4000)
true = np.stack([t, x, y, on])


def words():
    high = None
    for time, column, row, sign in true.T.tolist():
        if time >> 6 != high:
            high = time >> 6
            yield 8 << 60 | high << 32
        # 32 pixels of a row share a word; one bit of the lower half says which of them fired.
        yield sign << 60 | (time & 63) << 54 | (column & ~31) << 43 | row << 32 | 1 << (column & 31)


def by_evlib(path):
    read = evlib.load_events(str(path)).collect()
    t, x, y = read["t"].to_physical(), read["x"], read["y"]
    return np.stack([np.asarray(column, dtype=np.int64) for column in (t, x, y, read["polarity"] > 0)])


def by_evutils(path):
    read = EventReader(path).read_all()
    return np.stack([np.asarray(read[name], dtype=np.int64) for name in "txyp"])


found = {}
for order, form in FORMATS.items():
    numbers = np.array(list(words()), dtype="<u8")
    if order == "legacy":
        numbers = numbers >> np.uint64(32) | numbers << np.uint64(32)
    Path(f"{order}.raw").write_bytes(HEAD.format(form).encode() + numbers.tobytes())
    for name, read in {"evlib": by_evlib, "evutils": by_evutils}.items():
        events = read(Path(f"{order}.raw"))
        found[name, order] = events.shape == true.shape and bool((events == true).all())
        print(f"{order}.raw: {name} reads {events.shape[1]} of 4000 events, the same: {found[name, order]}")
        assert found[name, order] or events.shape[1] > 40_000
assert found == {
    ("evlib", "little"): True,
    ("evutils", "little"): False,
    ("evlib", "legacy"): False,
    ("evutils", "legacy"): True,
}
PYTHON
