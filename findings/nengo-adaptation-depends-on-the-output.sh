#!/usr/bin/env bash
# nengo 4.1.0: an `AdaptiveLIF` neuron adapts by what it puts out, so that an amplitude changes when it fires.
#
# The adaptation is "incremented by `inc_n` when the neuron spikes" and decays with `tau_n`; the amplitude is a "scaling
# factor on the neuron output". Guess: spikes are the same at each amplitude, and a spike adds `inc_n`. Seen: it adds
# `inc_n * amplitude / tau_n`. With an amplitude of 0.1 a neuron fires as if it hardly adapted, with 10 it is all but
# silenced: 99, 125 and 28 Hz for one current. With a `tau_n` of 0.1 s a spike adds ten times `inc_n`, and what settles is
# the same as at 1 s, where a tenth would be right. The defaults, 1 and 1 s, hide both. `AdaptiveLIFRate` does the same.
# Who turns down amplitudes to have more spikes for the same value, or to meet a chip's, takes the adaptation away.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet nengo==4.1.0 numpy==2.4.6
# Its cache of decoders is in the home folder.
HOME="$folder" "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import nengo
import numpy as np

current, dt, seconds = 4.0, 0.001, 6.0


def fires(neurons):
    with nengo.Network(seed=0) as network:
        ensemble = nengo.Ensemble(1, 1, gain=[1], bias=[current], neuron_type=neurons)
        spikes, adaptation = nengo.Probe(ensemble.neurons), nengo.Probe(ensemble.neurons, "adaptation")
    with nengo.Simulator(network, dt=dt, progress_bar=False) as simulator:
        simulator.run(seconds)
    late = simulator.data[spikes][3000:] > 0
    return late.mean() / dt, simulator.data[adaptation][3000:].mean()


def by_hand(increment, tau_n):
    """The neuron as its documentation has it, at steps of 10 microseconds."""
    fine, voltage, adaptation, rest, spikes, adaptations = 1e-5, 0.0, 0.0, 0.0, 0, []
    for step in range(int(seconds / fine)):
        adaptation -= fine / tau_n * adaptation
        rest -= fine
        voltage += 0 if rest > 0 else fine / 0.02 * (current - adaptation - voltage)
        if voltage > 1:
            voltage, rest, adaptation = 0.0, 0.002, adaptation + increment
            spikes += step * fine > 3
        if step * fine > 3:
            adaptations.append(adaptation)
    return spikes / (seconds - 3), np.mean(adaptations)


for amplitude, tau_n in ((1.0, 1.0), (0.1, 1.0), (10.0, 1.0), (1.0, 0.1)):
    rate, adaptation = fires(nengo.AdaptiveLIF(tau_n=tau_n, inc_n=0.01, amplitude=amplitude))
    wanted = by_hand(0.01, tau_n)
    other = by_hand(0.01 * amplitude / tau_n, tau_n)
    print(f"amplitude {amplitude}, tau_n {tau_n}: {rate:.0f} Hz and adaptation {adaptation:.2f}; as documented "
          f"{wanted[0]:.0f} Hz and {wanted[1]:.2f}; with inc_n * amplitude / tau_n {other[0]:.0f} Hz and {other[1]:.2f}")
    assert abs(rate - other[0]) < 3 and abs(adaptation - other[1]) < 0.1
    assert (abs(rate - wanted[0]) < 3) == (amplitude == tau_n)
PYTHON
