"""What tools that count or round do, measured by running them: ``python tool_probes.py TOOL`` prints JSON.

It runs where that tool is installed, and imports no part of snnbench. `libraries.py` makes the environments.
"""

from __future__ import annotations

import json
import sys
import warnings


def neurobench() -> dict[str, str]:
    import torch
    from neurobench.metrics.utils.layers import single_layer_MACs
    from torch import nn
    from torch.nn.utils import prune

    linear = nn.Linear(4, 3, bias=False)
    binary, graded = torch.tensor([[1.0, 0.0, 1.0, 0.0]]), torch.tensor([[2.0, 0.0, 1.0, 0.0]])

    def counted(x: torch.Tensor, layer: nn.Linear = linear) -> str:
        with torch.no_grad():
            layer(x)
            count, spiking = single_layer_MACs(x, layer)
        return f"{float(count):g} {'AC' if spiking else 'MAC'}"

    half = nn.Linear(4, 3, bias=False)
    half.weight.data[:, 0] = 0.0
    pruned = nn.Linear(4, 3, bias=False)
    pruned.weight.data[:] = -1.0
    prune.custom_from_mask(pruned, "weight", half.weight != 0)
    return {
        "4 x 3 synapses, inputs 1 0 1 0": counted(binary),
        "... and inputs 2 0 1 0 in the same batch": counted(torch.cat([binary, graded])),
        "inputs 1 0 1 0, the weights of the first input 0": counted(binary, half),
        "... by torch.nn.utils.prune, the others -1": counted(binary, pruned),
        "inputs -1 0 1 0": counted(torch.tensor([[-1.0, 0.0, 1.0, 0.0]])),
    }


def brian2_loihi() -> dict[str, str]:
    import numpy as np
    from brian2 import prefs
    from brian2_loihi import LoihiNetwork, LoihiNeuronGroup, LoihiSpikeGeneratorGroup, LoihiStateMonitor, LoihiSynapses

    prefs.codegen.target = "numpy"
    weights = [1, -1, 3, -3, 100, -100]

    def currents(exponent: int) -> str:
        each = np.arange(len(weights))
        source = LoihiSpikeGeneratorGroup(len(weights), each, np.ones_like(each))
        neurons = LoihiNeuronGroup(len(weights), threshold_v_mant=131071, decay_v=0, decay_I=4096)
        synapses = LoihiSynapses(source, neurons, sign_mode=1, w_exp=exponent, num_weight_bits=8)
        synapses.connect(j="i")
        synapses.w = weights
        monitor = LoihiStateMonitor(neurons, "I")
        LoihiNetwork(source, neurons, synapses, monitor).run(4)
        largest = np.abs(monitor.I).argmax(1)
        return ", ".join(f"{int(monitor.I[neuron, step])}" for neuron, step in enumerate(largest))

    given = ", ".join(map(str, weights))
    return {f"weights {given}, mixed signs, w_exp {exponent}: currents": currents(exponent) for exponent in (0, -4, -6)}


PROBES = {probe.__name__: probe for probe in (neurobench, brian2_loihi)}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.stdout, out = sys.stderr, sys.stdout
    out.write(json.dumps(PROBES[sys.argv[1]]()))
