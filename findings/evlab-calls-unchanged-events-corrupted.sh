#!/usr/bin/env bash
# evlab 0.3.0a1: half of the events that its polarity fault is said to have corrupted are as they were.
#
# `apply_schedule` breaks a recording for a benchmark of filters; the label of an event is "0 for untouched events, else the
# type id that injected or modified it". A polarity fault makes ON of what it hits. Guess: OFF events in the fault's time are
# labelled, as those that changed. Seen: each event that it hits is labelled, and those that were ON stay what they were and
# come first as clean, then as corrupted. A filter that takes out the changed events, all of them and nothing else, has
# a recall of 0.5, and one that takes as many unchanged ones out with them has 1.0: the benchmark ranks the worse one first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps evlab==0.3.0a1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from evlab.corrupt import SEVERITIES, TYPES, apply_schedule
from evlab.formats import from_arrays
from evlab.metrics import corruption_score

rng = np.random.default_rng(0)
EVENTS, SIDE = 20_000, 64
clean = from_arrays(
    rng.integers(0, SIDE, EVENTS),
    rng.integers(0, SIDE, EVENTS),
    np.sort(rng.choice(10_000_000, EVENTS, replace=False)),
    rng.integers(0, 2, EVENTS),
    SIDE,
    SIDE,
)
for severity in ("low", "high"):
    fault = {"start_us": 2_000_000, "end_us": 8_000_000, "type": "polarity", "severity": severity}
    broken = apply_schedule(clean, [fault | {"params": SEVERITIES["polarity"][severity]}])
    labelled = broken.meta["corruption"] == TYPES["polarity"]
    same = np.ones(EVENTS, bool)
    for field in "xytp":
        same &= broken.events[field] == clean.events[field]
    right, blunt = corruption_score(broken, same), corruption_score(broken, ~labelled)
    print(f"{severity}: {labelled.sum()} events labelled as corrupted, {(~same).sum()} changed; a filter that takes out "
          f"the changed: recall {right['recall']:.2f}, f1 {right['f1']:.2f}, the labelled: {blunt['recall']:.2f}, "
          f"{blunt['f1']:.2f}")
    assert (labelled | same).all() and 0.45 < (~same).sum() / labelled.sum() < 0.55
    assert (clean.events["p"][labelled & same] == 1).all()
    assert right["precision"] == 1 and right["recall"] < 0.55 and blunt["recall"] == 1
PYTHON
