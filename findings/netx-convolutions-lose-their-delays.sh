#!/usr/bin/env bash
# netx (lava-dl 0.6.0): a convolution loses its delays on the way to Loihi 2, and the table of layers says that it has them.
#
# SLAYER trains a delay for each channel, and writes it into the file that netx makes a network for Loihi 2 of. Guess: spikes
# of netx are those of SLAYER, bit for bit, as they are for dense layers with delays, and for convolutions without; or a
# convolution with delays is refused. Seen: `create_conv` does not read them. Channels that fire after 4 and 9 steps more
# fire at once, while `net_str` has True in the column of delays. No error, no warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==1.26.4 scipy==1.15.3 networkx==2.8.7 \
    asteval==0.9.33 h5py==3.16.0 matplotlib==3.10.0
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps --ignore-requires-python lava-nc==0.10.0 lava-dl==0.6.0
# lava 0.10.0 makes a ByteEncoder in a default argument, which asteval no longer has.
sed -i "s/ = ByteEncoder()$//" "$folder"/venv/lib/python3*/site-packages/lava/magma/compiler/var_model.py
"$folder/venv/bin/python" -W ignore - "$folder" <<'PYTHON' 2> "$folder/log" || { cat "$folder/log"; exit 1; }
import sys
import types

# It needs OpenCV and torchvision, and nothing here needs it.
sys.modules["lava.lib.dl.slayer.object_detection"] = types.ModuleType("object_detection")

import h5py
import numpy as np
import torch
from lava.lib.dl.netx.hdf5 import Network
from lava.lib.dl.slayer.block import cuba
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source

steps, side, neuron = 30, 6, {"threshold": 1.0, "current_decay": 1.0, "voltage_decay": 1.0}


def exported(block, shape):
    name = f"{sys.argv[1]}/{type(block).__name__}-{block.delay is not None}.net"
    with h5py.File(name, "w") as file:
        start = file.create_group("layer/0")
        start.create_dataset("type", (1,), "S10", [b"input"])
        start.create_dataset("shape", data=np.array(shape))
        block.export_hdf5(file.create_group("layer/1"))
        assert ("delay" in file["layer/1"]) == (block.delay is not None)
    return Network(net_config=name, input_shape=tuple(shape[::-1]))


def turned(values):
    """Between SLAYER's (channel, y, x, time) and Lava's (x, y, channel, time)."""
    return values.transpose(2, 1, 0, 3) if values.ndim == 4 else values


def by_netx(block, spikes):
    network = exported(block, spikes.shape[:-1])
    source, sink = Source(data=turned(spikes).astype(int)), Sink(shape=network.out.shape, buffer=steps)
    source.s_out.connect(network.inp)
    network.out.connect(sink.a_in)
    network.run(condition=RunSteps(steps), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
    seen = turned(sink.data.get())
    network.stop()
    return seen, network.net_str.splitlines()[-1]


def first_spikes(values):
    """The step at which each channel fires first."""
    return values.reshape(len(values), -1, steps)[:, 0].argmax(axis=1).tolist()


for kind in "dense", "convolution":
    for delays in False, True:
        shape = (5,) if kind == "dense" else (1, side, side)
        block = cuba.Dense(neuron, 5, 2, delay=delays) if kind == "dense" else cuba.Conv(neuron, 1, 2, 3, delay=delays)
        spikes = torch.zeros(1, *shape, steps)
        spikes[..., 3] = 1
        with torch.no_grad():
            block.synapse.weight.fill_(1.5)
            block(spikes)  # makes a delay for each channel
            if delays:
                block.delay.delay.data.copy_(torch.tensor([4.0, 9.0]).reshape(block.delay.delay.shape))
            trained = block(spikes)[0].numpy()
        deployed, row = by_netx(block, spikes[0].numpy())
        print(f"{kind}, delays {delays}: SLAYER fires at {first_spikes(trained)}, netx at {first_spikes(deployed)}")
        assert np.array_equal(trained > 0, deployed > 0) == (kind == "dense" or not delays)
        assert first_spikes(trained) == ([8, 13] if delays else [4, 4])
        assert row.endswith(f"|{delays!s:5}|")
assert first_spikes(deployed) == [4, 4]
PYTHON
