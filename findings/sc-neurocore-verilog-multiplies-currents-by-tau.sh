#!/usr/bin/env bash
# sc-neurocore 3.16.0: in its Verilog, synaptic currents are larger than in its simulation, by the time constant.
#
# NIR's CubaLIF is tau_syn dI/dt = -I + w_in S, and the network of `from_nir` runs that. Guess: `network.to_hardware()` is
# the same neuron in fixed point; its templates are said to be the single source of truth. Seen: the Verilog computes
# di_syn = -i_syn / tau_syn + I * w_in, so that the input is not divided by tau_syn. With a time constant of 5 steps all
# currents are 5 times as large: an input that brings a potential to 0.3 of the threshold and never fires in simulation
# fires every 25 steps on the chip. No warning. Neurons without a synapse current are right, and so is tau_syn = 1, which
# is where a first test would look.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6 scipy==1.17.1 defusedxml==0.7.1 nir==1.0.8
"$folder/venv/bin/pip" install --quiet --no-compile --no-deps sc-neurocore==3.16.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import re

import nir
import numpy as np
from sc_neurocore.neurons.equation_builder import from_equations
from sc_neurocore.nir_bridge import from_nir

one, steps, current = np.ones(1), 200, 0.3


def network(tau_syn):
    neuron = nir.CubaLIF(tau_syn=tau_syn * one, tau_mem=20 * one, r=one, v_leak=0 * one, v_threshold=one, w_in=one)
    ends = {"input": nir.Input({"input": np.array([1])}), "output": nir.Output({"output": np.array([1])})}
    nodes = {**ends, "weight": nir.Linear(np.array([[1.0]])), "neuron": neuron}
    return from_nir(nir.NIRGraph(nodes, [("input", "weight"), ("weight", "neuron"), ("neuron", "output")]))


for tau_syn in 1.0, 5.0, 20.0:
    simulated = network(tau_syn)
    spikes = sum(int(fired[0]) for fired in simulated.run({"input": np.array([current])}, steps)["output"])
    i, v, plain = 0.0, 0.0, 0
    for _ in range(steps):
        i += (-i + current) / tau_syn
        v += (-v + i) / 20
        plain += v > 1
        v *= v <= 1
    assert plain == spikes == 0
    verilog = simulated.to_hardware().neuron_modules["cuba_lif"]
    equations = re.search(r"EquationNeuron\((.*)\)", verilog)[1].split(", ")
    values = {"tau_syn": tau_syn, "tau_mem": 20.0, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0, "w_in": 1.0}
    start = {"v": 0.0, "i_syn": 0.0}
    chip = from_equations(*equations, threshold="v > v_threshold", reset="v = v_reset", params=values, init=start, dt=1.0)
    fired = sum(chip.step(I=current) for _ in range(steps))
    print(f"tau_syn {tau_syn}: {spikes} spikes simulated, {fired} of the chip's equations; current {chip.state['i_syn']:.2f} not {i:.2f}")
    assert np.isclose(chip.state["i_syn"] / i, tau_syn) and (fired > 0) == (tau_syn > 1)
print("equations in the Verilog:", equations[0])
assert "I_t * P_W_IN;" in verilog and verilog.count("_dden0 = P_TAU_SYN;") == 1 and verilog.count("P_TAU_SYN") == 2
PYTHON
