"""Finding the spiking layers of other libraries by the names of their base classes: none of them is imported."""

from __future__ import annotations

from typing import Literal

from torch import nn

from snnbench.nn.neurons import SpikingNeuron

StepMode = Literal["multi", "single"]
"""What a layer gives in one call: all steps `(T, N, *features)`, or one step `(N, *features)`."""

_BASES: dict[str, StepMode] = {
    "snntorch._neurons.neurons.SpikingNeuron": "single",
    "norse.torch.module.snn.SNN": "multi",
    "norse.torch.module.snn.SNNRecurrent": "multi",
    "norse.torch.module.snn.SNNCell": "single",
    "norse.torch.module.snn.SNNRecurrentCell": "single",
}
_SPIKINGJELLY = "spikingjelly.activation_based.neuron.base_node.BaseNode"
_INTEGRATORS = frozenset({"norse.torch.module.leaky_integrator", "norse.torch.module.leaky_integrator_box"})


def step_mode(module: nn.Module) -> StepMode | None:
    """How a spiking layer of this project, SpikingJelly, snnTorch or Norse steps; None for any other module.

    Norse's leaky integrators, whose outputs are voltages, are none.
    """
    if isinstance(module, SpikingNeuron):
        return "multi"
    if type(module).__module__ in _INTEGRATORS:
        return None
    bases = [f"{base.__module__}.{base.__qualname__}" for base in type(module).__mro__]
    if _SPIKINGJELLY in bases:
        return "multi" if module.step_mode == "m" else "single"
    return next((_BASES[base] for base in bases if base in _BASES), None)
