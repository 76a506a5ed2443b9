#!/usr/bin/env bash
# spikelink 0.1.1: a spike train in milliseconds that has been sent is a thousand times as long, and `verify` passes it.
#
# It sends spike trains between neuromorphic systems; a train has `units`, "time units", and its Neo adapter uses them.
# Guess: what is decoded is the train that was encoded, its unit with it. Seen: packets have the numbers and no unit, and
# each decoded train is in seconds. One second of 1,000 ms comes back as 1,000 s, and into Neo a train of 40 spikes a second
# goes with one of 0.04. Trains that come from Neo are turned into seconds before they are sent, and are right; those made by
# hand are not. The round trip of the package's own verification compares the numbers alone. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6 quantities==0.16.4 neo==0.14.6
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps spikelink==0.1.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import quantities as pq
import spikelink
from spikelink import SpikelinkCodec, SpikeTrain
from spikelink.adapters import NeoAdapter

times = np.arange(40) * 25.0 + 12.5
codec = SpikelinkCodec()
for unit, scale in ("ms", 1.0), ("s", 1000.0):
    sent = SpikeTrain(times=times / scale, t_stop=1000 / scale, units=unit)
    got = codec.decode_packets(codec.encode_train(sent))
    before, after = NeoAdapter.to_neo(sent), NeoAdapter.to_neo(got)
    rates = [float((len(train) / (train.t_stop - train.t_start)).rescale(pq.Hz)) for train in (before, after)]
    print(f"sent in {unit}: {len(before)} spikes in {before.duration}, {rates[0]:.2f} Hz; "
          f"got in {got.units}: {len(after)} in {after.duration}, {rates[1]:.2f} Hz, verify: {spikelink.verify(sent, got)}")
    assert np.allclose(got.times, sent.times) and got.units == "s" and spikelink.verify(sent, got)
    assert np.isclose(rates[0], 40) and np.isclose(rates[1], 40 if unit == "s" else 0.04)
    back = codec.decode_packets(codec.encode_train(NeoAdapter.from_neo(before)))
    assert np.allclose(back.times, times / 1000)
PYTHON
