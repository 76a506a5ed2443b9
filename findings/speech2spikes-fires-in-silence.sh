#!/usr/bin/env bash
# speech2spikes 1.0.1: padding of a shorter recording fires in every channel at every step, and so does all after a pause.
#
# `S2S.convert` pads the recordings of a batch with zeros and turns logarithms of a mel spectrogram into spikes where they
# change by 1. Guess: digital silence gives no spikes, and a recording has the same spikes alone and in a batch. Seen: the
# logarithm of 0 is minus infinity, which no level reaches by steps of 1, so that each step of the padding is an OFF spike
# of all 20 channels. Where a recording starts with silence the level itself starts at minus infinity and stays there:
# from the first sound on every step is an ON spike, whatever is heard. Firing rates are then those of the padding. NeuroBench
# 2.3.0 has a copy of this encoder that adds 1e-6 before the logarithm; with that, padding falls silent here too.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps torchaudio==2.11.0 speech2spikes==1.0.1
# Its compiled part is for GPUs, does not load without their libraries, and is not needed for a spectrogram.
find "$folder/venv" -path '*/torchaudio/lib/*.so' -delete
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from speech2spikes import S2S, tensor_to_events

torch.manual_seed(0)
RATE, label = 16_000, torch.tensor(0)
seconds = torch.arange(RATE) / RATE
sound = (0.1 * torch.sin(2 * torch.pi * 440 * seconds) + 0.001 * torch.randn(RATE))[None]
half = sound[:, : RATE // 2]
encode = S2S()


def spikes(*recordings):
    events, _ = encode.convert([(recording, label) for recording in recordings])
    return events[0].squeeze()  # (channels, steps) of the first recording


alone, padded = spikes(half), spikes(half, sound)
late = spikes(torch.cat([torch.zeros(1, RATE // 4), sound], dim=1))
tail, after = padded[:, 105:], late[:, 55:]  # A step is 80 samples; a window of 512 reaches into its neighbours.
print(f"half a second alone: {alone.abs().mean():.1%} of steps fire; in a batch with a whole second {padded.abs().mean():.1%}")
print(f"in its padding: {(tail < 0).float().mean():.1%} OFF; after a quarter second of silence: {(after > 0).float().mean():.1%} ON")
assert (padded[:, :95] == alone[:, :95]).all()
assert alone.abs().mean() < 0.15 and (tail == -1).all() and (after == 1).all()

mel = encode.transform(torch.cat([half, torch.zeros_like(half)], dim=1))
floor = tensor_to_events(torch.log(mel + 1e-6)).squeeze()[:, 125:]
print(f"with 1e-6 added before the logarithm: {floor.abs().mean():.1%} of the padding's later steps fire")
assert not floor.any()
PYTHON
