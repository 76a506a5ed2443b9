#!/usr/bin/env bash
# sc-neurocore 3.16.0: a network that resets by subtraction becomes Verilog that resets to zero.
#
# `from_nir(graph, reset_mode="subtract")` is for networks that were trained so, "used by snnTorch". Guess: what
# `to_hardware()` makes of it subtracts, too, or is refused. Seen: the reset mode is left behind on the way, and the Verilog
# of both modes is the same, letter for letter: a neuron that fires is set to its reset potential, and what was above the
# threshold is lost. At an input of 0.7 per step the simulated neuron has 69 spikes in 100 steps, with a reset to zero 50.
# Networks that were converted from an ANN live on that remainder. The list of warnings is empty.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6 scipy==1.17.1 defusedxml==0.7.1 nir==1.0.8
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps sc-neurocore==3.16.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import nir
import numpy as np
from sc_neurocore.nir_bridge import from_nir

ends = {"input": nir.Input({"input": np.array([1])}), "output": nir.Output({"output": np.array([1])})}
neuron = nir.IF(r=np.ones(1), v_threshold=np.ones(1), v_reset=np.zeros(1))
nodes = {**ends, "weight": nir.Linear(np.array([[1.0]])), "neuron": neuron}
graph = nir.NIRGraph(nodes, [("input", "weight"), ("weight", "neuron"), ("neuron", "output")])

counts, verilog = {}, {}
for mode in "subtract", "reset":
    network = from_nir(graph, reset_mode=mode)
    counts[mode] = sum(int(fired[0]) for fired in network.run({"input": np.array([0.7])}, 100)["output"])
    network.reset()
    chip = network.to_hardware()
    assert not chip.warnings
    verilog[mode] = chip.neuron_modules, chip.top_module, chip.weight_rom
reset = [line.strip() for line in verilog["subtract"][0]["if"].splitlines() if "v_reg <=" in line]
print("spikes in 100 steps, simulated:", counts, "\nassignments in the Verilog of subtract:", reset)
assert 68 <= counts["subtract"] <= 70 and counts["reset"] == 50
assert verilog["subtract"] == verilog["reset"] and "v_reg <= P_V_RESET;" in reset
assert "P_V_THRESHOLD;" not in "".join(reset)
PYTHON
