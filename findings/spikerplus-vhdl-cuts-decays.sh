#!/usr/bin/env bash
# spikerplus 2.0.3 (Spiker+): the decay that is trained and evaluated is not the one in the VHDL, which is always faster.
#
# The hardware's decays are 1 - 2^-n. Guess: another one, such as a learned one, is refused, or taken to the nearest and
# evaluated so. Seen: n is cut to a whole number, and the optimizer's quantized network keeps the decay of the training: 0.96
# (a time constant of 24 steps) is evaluated and becomes 0.9375 (15 steps), though 0.96875 is nearer, 0.99 becomes 0.984, and
# below 0.5 nothing stays. A neuron that the optimizer sees fire is silent in the hardware's decay. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0
"$folder/venv/bin/pip" install --quiet --no-compile spikerplus==2.0.3 snntorch==1.0.0 numpy==2.4.6 tabulate==0.10.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import re
from pathlib import Path

import torch
from spikerplus import NetBuilder, Optimizer, VhdlGenerator

BITS, FRACTION, STEPS = 12, 6, 200


def evaluated(beta):
    config = {"n_cycles": STEPS, "n_inputs": 2, "layer_0": {"n_neurons": 2, "threshold": 20.0, "beta": beta}}
    network = NetBuilder(config).build()
    torch.nn.init.constant_(network.layers["fc1"].weight, 0.5)
    optimizer = Optimizer(network, config, {})
    optimizer.build_quant_snn(8, BITS, FRACTION)
    optimizer.net(torch.ones(STEPS, 1, 2))
    return network, float(optimizer.net.layers["lif1"].beta), int(optimizer.net.spk_rec["lif1"][:, 0, 0].sum())


def in_hardware(network, name):
    widths = {"weights_bw": 8, "neurons_bw": BITS, "fp_dec": FRACTION}
    VhdlGenerator(network, widths).generate().write_file_all(output_dir=name)
    text = "".join(path.read_text() for path in Path(name).glob("layer_*.vhd"))
    return 1 - 2.0 ** -int(re.search(r"shift\s*: integer := (\d+)", text)[1])


found = {}
for beta in (0.96, 0.99, 0.4):
    network, kept, spikes = evaluated(beta)
    chip = in_hardware(network, f"beta_{beta}")
    found[beta] = chip, spikes, evaluated(chip)[2]
    print(f"beta {beta}: evaluated with {kept:.3f}, {spikes} spikes; the VHDL has {chip:.4f}, {found[beta][2]} spikes")
    assert abs(kept - beta) < 1e-6
assert [chip for chip, *_ in found.values()] == [0.9375, 0.984375, 0.0]
assert found[0.96][1] > 0 and found[0.96][2] == 0
PYTHON
