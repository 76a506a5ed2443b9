#!/usr/bin/env bash
# Neo 0.14.6: of a text file of spikes whose first column is the time, `NestIO` returns neuron IDs as spike times.
#
# NEST writes "ID time", others, such as NEURON, "time ID"; `NestIO` has `id_column_gdf` and `time_column_gdf` for that.
# Guess: with the two named, a file gives the same trains in either order. Seen: the columns are put into the order ID,
# time, and then the given numbers are applied once more, so that times are taken from the IDs; the rows are sorted as if
# the ID had been first, which gives a neuron the rows of others. Each train is a handful of whole milliseconds between
# the smallest and the largest ID, all at the start of the recording; some are empty, one has three times its spikes. With
# an empty list, for "the spike trains of all neurons", there are as many empty trains as times. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6 quantities==0.16.4 packaging==26.3
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps neo==0.14.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import quantities as pq
from neo.io import NestIO

NEURONS = [1, 2, 3, 4, 5]
rng = np.random.default_rng(0)
times, senders = np.sort(rng.uniform(10, 1000, 60)).round(1), rng.integers(1, 6, 60)
np.savetxt("id-time.gdf", np.stack([senders, times], axis=1), fmt=("%d", "%.1f"))
np.savetxt("time-id.gdf", np.stack([times, senders], axis=1), fmt=("%.1f", "%d"))


def read(name, neurons, id_column, time_column):
    columns = {"id_column_gdf": id_column, "time_column_gdf": time_column}
    return NestIO(name).read_segment(gid_list=neurons, t_start=0 * pq.ms, t_stop=1000 * pq.ms, **columns).spiketrains


usual, swapped = read("id-time.gdf", NEURONS, 0, 1), read("time-id.gdf", NEURONS, 1, 0)
for neuron, right, wrong in zip(NEURONS, usual, swapped):
    print(f"neuron {neuron}: {len(right)} spikes to {right.magnitude.max()} ms; time first: {len(wrong)} at {np.unique(wrong.magnitude)}")
    assert (right.magnitude == times[senders == neuron]).all()
    assert set(wrong.magnitude) <= set(NEURONS)
assert any(len(wrong) != len(right) for right, wrong in zip(usual, swapped)) and max(map(len, swapped)) > 20

alone = NestIO("time-id.gdf").read_spiketrain(gdf_id=2, t_start=0 * pq.ms, t_stop=1000 * pq.ms, id_column=1, time_column=0)
print(f"neuron 2, read alone, time first: {alone.magnitude}")
assert (alone.magnitude == 2).all() and len(alone) == (senders == 2).sum()
everyone = read("time-id.gdf", [], 1, 0)
print(f"all neurons, time first: {len(everyone)} trains with {sum(map(len, everyone))} spikes")
assert len(everyone) == len(np.unique(times)) and sum(map(len, everyone)) < 5
PYTHON
