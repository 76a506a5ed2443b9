#!/usr/bin/env bash
# nengo 4.1.0: the amplitude of `RegularSpiking`, `PoissonSpiking` and `StochasticSpiking` scales what an ensemble says.
#
# The amplitude is that of the output spikes, and all spiking neurons have one. Guess: decoders are solved for outputs of
# that amplitude, so that an ensemble that represents 0.5 says 0.5 at any, as it does with `LIF`, `AdaptiveLIF` and
# `SpikingRectifiedLinear`. Seen: the three types that make spikes of a rate neuron solve for the rates of that neuron,
# without the amplitude, and spike with it. At 0.1 they say 0.05, and what is behind them is driven by a tenth. With the
# amplitude at the rate neuron, `RegularSpiking(LIFRate(amplitude=0.1))`, it is 0.5 again, with ten times fewer spikes
# of amplitude 1. No warning: who puts `PoissonSpiking(LIFRate(), amplitude=a)` in the place of `LIF(amplitude=a)`, to
# look at noise, has a network that is weaker by `a` with each layer.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet nengo==4.1.0 numpy==2.4.6
# Its cache of decoders is in the home folder.
HOME="$folder" "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import nengo
import numpy as np
from nengo import LIF, AdaptiveLIF, LIFRate, PoissonSpiking, RegularSpiking, SpikingRectifiedLinear, StochasticSpiking


def said(neurons):
    """What an ensemble that is given 0.5 says, by nengo's decoders and by ones that are solved for what it does."""
    with nengo.Network(seed=0) as network:
        value = nengo.Node(0.5)
        ensemble = nengo.Ensemble(100, 1, neuron_type=neurons, seed=1)
        nengo.Connection(value, ensemble, synapse=None)
        decoded, outputs = nengo.Probe(ensemble), nengo.Probe(ensemble.neurons)
    with nengo.Simulator(network, progress_bar=False) as simulator:
        simulator.run(2.0)
    built, spikes = simulator.data[ensemble], simulator.data[outputs][200:]
    points = np.linspace(-1, 1, 201)[:, None]
    currents = points @ built.encoders.T * built.gain + built.bias
    if "LIF" in str(neurons):
        over = np.maximum(currents - 1, 1e-12)
        rates = np.where(currents > 1, 1 / (0.002 + 0.02 * np.log1p(1 / over)), 0)
    else:
        rates = np.maximum(currents, 0)
    wanted = rates * spikes[spikes > 0].min() * simulator.dt
    noise = 201 * (0.1 * wanted.max()) ** 2 * np.eye(100)
    solved = np.linalg.solve(wanted.T @ wanted + noise, wanted.T @ points)
    return simulator.data[decoded][200:].mean(), (spikes @ solved).mean(), spikes.mean()


own = [LIF, AdaptiveLIF, SpikingRectifiedLinear]
wrappers = RegularSpiking, PoissonSpiking, StochasticSpiking
made = [lambda amplitude, kind=kind: kind(LIFRate(), amplitude=amplitude) for kind in wrappers]
for make in own + made:
    for amplitude in (1.0, 0.1):
        neurons = make(amplitude=amplitude)
        value, solved, output = said(neurons)
        print(f"{neurons}: {value:.3f}, solved for its own outputs {solved:.3f}, mean output {output:.1f}")
        assert abs(value / (0.5 if make in own else 0.5 * amplitude) - 1) < 0.1
        assert make is AdaptiveLIF or abs(solved - 0.5) < 0.05
value, _, _ = said(RegularSpiking(LIFRate(amplitude=0.1)))
print(f"RegularSpiking(LIFRate(amplitude=0.1)): {value:.3f}")
assert abs(value - 0.5) < 0.1
PYTHON
