#!/usr/bin/env bash
# snn-mlir 1.0.0: of an 8-bit image, pixels above 127 are compiled as negative numbers.
#
# Guess: inputs that do not fit into the compiled network are refused, as fractions are ("the baked input is int8"), or
# clamped. Seen: whole numbers are written into a C array of int8_t as they are, where 128 is -128, 200 is -56 and 255 is
# -1: the brightest pixel inhibits a little, and the middle grey the most. In float too, which reads the same array. The C
# compiler warns of it by default, but snn-mlir, which calls it, shows that to nobody.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile snn-mlir==1.0.0 nir==1.0.8 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import shutil
import subprocess
from pathlib import Path

import nir
import numpy as np
import snn_mlir

IMAGE = [0, 127, 128, 200, 255]
PRINT = r"""
#include <stdio.h>
#include "input.h"
int main(void) { for (int i = 0; i < 5; i++) printf("%d ", L0_input[0][i]); }
"""
one = np.ones(1, np.float32)
neuron = nir.LIF(tau=0.02 * one, r=20 * one, v_leak=0 * one, v_threshold=one, v_reset=0 * one)
ends = {"input": nir.Input({"input": np.array([5])}), "output": nir.Output({"output": np.array([1])})}
nodes = {**ends, "layer": nir.Linear(np.ones((1, 5), np.float32)), "neuron": neuron}
chain = ["input", "layer", "neuron", "output"]
for kind, quantize in {"float": False, "int8": True}.items():
    shutil.rmtree("model", ignore_errors=True)
    Path("model").mkdir()
    nir.write("model/network.nir", nir.NIRGraph(nodes, list(zip(chain, chain[1:]))))
    np.save("model/input.npy", np.array([IMAGE], dtype=np.uint8))
    build = snn_mlir.codegen_folder("model", quantize=quantize)
    (build / "print.c").write_text(PRINT)
    subprocess.run(["cc", "-w", "-o", build / "print", build / "print.c"], check=True)
    compiled = [int(n) for n in subprocess.run([build / "print"], check=True, capture_output=True).stdout.split()]
    print(f"{kind}: {IMAGE} compiled as {compiled}")
    assert compiled == [0, 127, -128, -56, -1]
PYTHON
