#!/usr/bin/env bash
# SpikingJelly 2.0.0: frames of SHD and SSC lack some spikes of the recording and have others twice.
#
# The Heidelberg data sets store times as float16, in seconds. Guess: with `frames_number` and `split_by="time"` each spike is
# in one frame, so that frames sum to the recording. Seen: the borders are reckoned in float16, too; the end of one frame,
# start + dt, is rounded in another way than the start of the next, dt * (i + 1). At 0.5 to 1 s one step of float16 is 0.5
# ms, and all spikes of such a step are lost between two frames or counted in both. Here each of the 700 channels fires
# once: of 100 frames up to 2 % of the channels are silent, of 250 frames others fire twice, and which ones depends on the
# length of the word. In float64 every spike is in one frame. Counts per word, and rates made of them, are then wrong.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6 h5py==3.16.0 scipy==1.17.1 tqdm==4.70.1 \
    loguru==0.7.3 requests==2.34.2
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps spikingjelly==2.0.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from pathlib import Path
from unittest.mock import MagicMock

# Only downloads, pictures and audio need these.
for name in ("torchvision", "torchvision.datasets", "torchvision.datasets.utils", "torchaudio", "torchaudio.functional",
             "torchaudio.transforms", "matplotlib"):
    sys.modules[name] = MagicMock()
sys.modules["torchvision.datasets"].DatasetFolder = object

import h5py
import numpy as np
from spikingjelly.datasets.base import NeuromorphicDatasetConfig
from spikingjelly.datasets.shd import SHDFrameFixedNumberBuilder

CHANNELS = 700
lengths = [0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2]
words = [(np.arange(CHANNELS) * length / CHANNELS).astype(np.float16) for length in lengths]
raw = Path("events_h5")
raw.mkdir()
for split in ("train", "test"):
    with h5py.File(raw / f"shd_{split}.h5", "w") as file:
        times = file.create_dataset("spikes/times", (len(words),), dtype=h5py.vlen_dtype(np.float16))
        units = file.create_dataset("spikes/units", (len(words),), dtype=h5py.vlen_dtype(np.uint16))
        file["labels"] = np.arange(len(words), dtype=np.uint16)
        for i, word in enumerate(words):
            times[i], units[i] = word, np.arange(CHANNELS, dtype=np.uint16)


def counts(number):
    config = NeuromorphicDatasetConfig(Path(), True, "frame", number, "time", None, None, None, None, None)
    folder, load = SHDFrameFixedNumberBuilder(config, raw, CHANNELS).build()
    return [load(folder / "train" / str(i) / f"{i}.npz").sum(axis=0) for i in range(len(words))]


def counts_in_float64(word, number):
    times = word.astype(float)
    borders = np.linspace(times[0], times[-1], number + 1)
    return np.histogram(times, borders)[0].sum()


silent, double = {}, {}
for number in (100, 250):
    found = counts(number)
    silent[number] = [int((word == 0).sum()) for word in found]
    double[number] = [int((word == 2).sum()) for word in found]
    print(f"{number} frames, words of {lengths} s: channels without a spike {silent[number]}, with two {double[number]}")
    assert all(counts_in_float64(word, number) == CHANNELS for word in words)
assert max(silent[100]) >= 14 and min(silent[100]) > 0
assert max(double[250]) >= 14 and max(silent[250]) >= 14
PYTHON
