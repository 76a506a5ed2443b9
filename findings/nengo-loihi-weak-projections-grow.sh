#!/usr/bin/env bash
# nengo-loihi 1.1.0: a projection that is far weaker than another one to the same neurons becomes up to 50 times too strong.
#
# Guess: weights of 8 bits that share a threshold with weights 1,000 times larger lose their bits and are 0 in the end. Seen:
# each projection gets a weight exponent of its own, by the ratio r of its largest weight to the largest of all, and its
# weights are multiplied by 2^floor(log2(r)) to fill the 8 bits. The exponent stops at the chip's -6, the multiplication
# does not. Where the strongest projection has exponent 0, each of 1/64 to 1/4,096 of it comes out as 192 of 16,320, which is
# 1/85: a neuron that should never fire in 2,000 spikes of 1/4,096 of its threshold fires 23 times. Where the strongest has
# -4 already, a ratio of 8 is enough. The chip could do better: its smallest weight at exponent -6 is 64, or 1/255, and 0.
# What is warned of, where anything is, are lost bits. Nengo's own simulator runs the same network with nengo-loihi's neuron.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet nengo-loihi==1.1.0 nengo==4.1.0 numpy==1.26.4 scipy==1.13.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import nengo
import nengo_loihi
from nengo_loihi.neurons import LoihiSpikingRectifiedLinear as Neuron


def network(strong, weak):
    """One neuron fires every second step and projects weakly, one is silent and projects strongly, to the same."""
    with nengo.Network(seed=0) as net:
        pre = nengo.Ensemble(2, 1, neuron_type=Neuron(), gain=[1, 1], bias=[999.0, 0.0])
        post = nengo.Ensemble(1, 1, neuron_type=Neuron(), gain=[1], bias=[0.0])
        for source, weight in (0, weak), (1, strong):
            nengo.Connection(pre.neurons[source], post.neurons, transform=weight, synapse=None)
        net.probe = nengo.Probe(post.neurons)
    return net


def spikes(net, simulator, **options):
    with simulator(net, progress_bar=False, **options) as sim:
        sim.run_steps(4000)
        return int((sim.data[net.probe] > 0).sum())


def weight_used(net):
    with nengo_loihi.Simulator(net, progress_bar=False, target="sim") as sim:
        (block,) = [block for block in sim.model.blocks if block.synapses]
        weights = [int(synapse.weights[0][0, 0]) for synapse in block.synapses]
        return weights[0], int(block.compartment.vth[0]), [synapse.synapse_cfg.weight_exp for synapse in block.synapses]


def both(strong, ratio):
    net = network(strong, strong / ratio)
    weight, threshold, exponents = weight_used(net)
    wanted, found = spikes(net, nengo.Simulator), spikes(net, nengo_loihi.Simulator, target="sim")
    times = weight / threshold / (strong / ratio)
    print(f"strongest {strong:.6f}, 1/{ratio} of it: exponents {exponents}, {weight} of {threshold}: {times:.2f} times; ", end="")
    print(f"{wanted} spikes in nengo, {found} on the emulated chip")
    return times, weight, wanted, found


for ratio in 2, 16, 32:
    assert 0.85 < both(1.0, ratio)[0] <= 1.01
for ratio in 64, 256, 1024, 4096:
    times, weight, wanted, found = both(1.0, ratio)
    assert weight == 192 and found == 23 and abs(times - ratio / 85) < 0.01
assert wanted == 0
assert [round(both(2.0**-13, ratio)[0], 2) for ratio in (4, 8, 16, 32)] == [0.75, 1.51, 3.01, 6.02]
PYTHON
