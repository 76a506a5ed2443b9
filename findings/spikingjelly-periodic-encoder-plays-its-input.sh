#!/usr/bin/env bash
# SpikingJelly 2.0.0: `PeriodicEncoder(spike)` does not play the spikes that it is made of, but the rows of what it is shown.
#
# It "outputs spike[t % T] at t-th calling". Guess: whatever it is called with, it plays the train that was given to it.
# Seen: it keeps the length of that train only; the first call takes its argument for a train. Called with an image of
# H rows, as other encoders are, it returns a row at a time, real numbers and not spikes, and starts again after H calls,
# not after T. The train itself has to be given with each call. No error, if the image has one dimension more than what
# follows expects.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6 loguru==0.7.3
"$folder/venv/bin/pip" install --quiet --no-deps spikingjelly==2.0.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON' 2>&1 | grep -v Triton
import torch
from spikingjelly.activation_based.encoding import PeriodicEncoder

torch.manual_seed(0)
T = 5
train, image = (torch.rand(T, 4) < 0.5).float(), torch.rand(3, 4)
encoder = PeriodicEncoder(train)
played = torch.stack([encoder(image) for _ in range(2 * T)])
print(f"train of {T} steps, image of {len(image)} rows: step 0 is {played[0].tolist()}")
assert torch.equal(played, image[torch.arange(2 * T) % len(image)])
assert not set(played.unique().tolist()) <= {0.0, 1.0}
encoder = PeriodicEncoder(torch.zeros(2, 4))
assert torch.equal(torch.stack([encoder(train) for _ in range(2 * T)]), train.repeat(2, 1))
print("made of silence and called with the train, it plays the train")
PYTHON
