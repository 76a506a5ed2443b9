#!/usr/bin/env bash
# spikerplus 2.0.3 (Spiker+): a threshold that its optimizer saturates is negative in the VHDL.
#
# Guess: the VHDL holds the numbers that the optimizer evaluated. Seen: the optimizer saturates thresholds as signed
# numbers, the generator as unsigned ones, and writes them as signed: a threshold of 1 with 3 fractional bits is 8, which 4
# bits hold up to 7; the optimizer evaluates 7, the VHDL has "1000", a signed constant: -8, below every potential but one.
# Both widths are in the ranges that the optimizer tries by default. No warning from either.
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

from spikerplus import NetBuilder, Optimizer, VhdlGenerator

FRACTION, WEIGHTS = 3, 4
CONFIG = {"n_cycles": 8, "n_inputs": 2, "layer_0": {"n_neurons": 2, "threshold": 1.0, "beta": 0.9375}}
network = NetBuilder(CONFIG).build()
found = {}
for bits in (4, 5):
    optimizer = Optimizer(network, CONFIG, {})
    optimizer.build_quant_snn(WEIGHTS, bits, FRACTION)
    evaluated = int(optimizer.net.layers["lif1"].threshold)
    folder = f"neurons_{bits}"
    widths = {"weights_bw": WEIGHTS, "neurons_bw": bits, "fp_dec": FRACTION}
    VhdlGenerator(network, widths).generate().write_file_all(output_dir=folder)
    text = next(Path(folder).glob("layer_*.vhd")).read_text()
    kind, value = re.search(r'constant v_th_0\s*: (\w+)\(.*?"([01]+)"', text).groups()
    number = int(value, 2) - (1 << bits) * int(value[0])
    print(f"neurons of {bits} bits, threshold 1: the optimizer evaluates {evaluated}, the VHDL has {kind} {value}: {number}")
    found[bits] = kind, evaluated, number
assert found == {4: ("signed", 7, -8), 5: ("signed", 8, 8)}
PYTHON
