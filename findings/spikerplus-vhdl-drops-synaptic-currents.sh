#!/usr/bin/env bash
# spikerplus 2.0.3 (Spiker+): the VHDL of synaptic neurons is that of leaky ones, whatever their current's decay.
#
# Guess: of the neuron models that it takes, those that the hardware cannot have are refused. Seen: "syn", snnTorch's
# Synaptic, is trained, quantized and evaluated with its current; the generator reads its beta and never its alpha, and
# writes, but for the label, the same files as for "lif". After one step of input the evaluated neuron fires at each of eight
# steps (alpha 0.9) or at four of them (0.5), the leaky one, which is what goes on the chip, at one. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0
"$folder/venv/bin/pip" install --quiet --no-compile spikerplus==2.0.3 snntorch==1.0.0 numpy==2.4.6 tabulate==0.10.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from pathlib import Path

import torch
from spikerplus import NetBuilder, Optimizer, VhdlGenerator

WIDTHS = {"weights_bw": 8, "neurons_bw": 10, "fp_dec": 3}
one_spike = torch.zeros(8, 1, 2)
one_spike[0] = 1


def made(name, **neuron):
    config = {"n_cycles": 8, "n_inputs": 2, "layer_0": {"n_neurons": 2, "threshold": 1.0, "beta": 0.875, **neuron}}
    network = NetBuilder(config).build()
    torch.nn.init.constant_(network.layers["fc1"].weight, 1.0)
    optimizer = Optimizer(network, config, {})
    optimizer.build_quant_snn(8, 10, 3)
    optimizer.net(one_spike)
    VhdlGenerator(network, WIDTHS).generate().write_file_all(output_dir=name)
    label = neuron["neuron_model"] + "1"
    files = sorted(path.read_text().replace(label, "neurons") for path in Path(name).glob("*.vhd"))
    return int(optimizer.net.spk_rec[label][:, 0, 0].sum()), files


leaky, leaky_files = made("leaky", neuron_model="lif")
for alpha in (0.5, 0.9):
    spikes, files = made(f"alpha_{alpha}", neuron_model="syn", alpha=alpha)
    print(f"syn, alpha {alpha}: evaluated with {spikes} spikes, lif {leaky}; {len(files)} files of VHDL, the same:", end=" ")
    print(files == leaky_files)
    assert files == leaky_files and spikes > leaky
PYTHON
