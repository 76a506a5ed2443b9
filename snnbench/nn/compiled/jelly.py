"""SpikingJelly's own neurons on the compiled kernels, in evaluation; the library is not imported.

Unlike this project's neurons they keep their potential from one call to the next, until they are reset: the kernels
begin with what a neuron holds, and it holds what they end with. So steps may come all at once or one a call.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor, nn

from snnbench.nn.compiled.function import fire_without_gradient
from snnbench.nn.compiled.fusion import Fusion
from snnbench.nn.neurons import IFNeuron, LIFNeuron, PLIFNeuron, SpikingNeuron

_PACKAGE = "spikingjelly.activation_based.neuron"
_IF, _LIF, _PLIF = "integrate_and_fire.IFNode", "lif.LIFNode", "plif.ParametricLIFNode"
_KNOWN = {f"{_PACKAGE}.{name}": name for name in (_IF, _LIF, _PLIF)}


class FusedJelly:
    """Stands before SpikingJelly's class in the fast form of one of its neurons."""

    def forward(self: Any, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Spikes of currents `x`: (T, N, *features), or one step (N, *features), as the neuron's ``step_mode`` says."""
        multi = self.step_mode == "m"
        currents = x if multi else x.unsqueeze(0)
        potential = None if args or kwargs else _potential(self, currents)
        if potential is None:
            spikes: Tensor = super().forward(x, *args, **kwargs)  # type: ignore[misc]
            return spikes
        fusion = Fusion(_equal_neuron(self), None, len(currents), False, states=potential)
        fired = fire_without_gradient(currents.flatten(0, 1), None, None, fusion).view(*currents.shape)
        self.v = potential
        return fired if multi else fired[0]


def is_known(module: nn.Module) -> bool:
    """Whether `module` is a neuron of SpikingJelly that the kernels can run, and no subclass of one."""
    return _name(type(module)) is not None


@functools.cache
def jelly_form(kind: type[nn.Module]) -> type[nn.Module] | None:
    """The class of the fast form of SpikingJelly's neuron `kind`; None for any other class."""
    return type(f"Fused{kind.__name__}", (FusedJelly, kind), {}) if _name(kind) else None


def own_states(form: nn.Module) -> None:
    """Give a copy of a module of SpikingJelly a dictionary of states of its own."""
    if "_memories" in vars(form):
        vars(form)["_memories"] = dict(vars(form)["_memories"])


def _name(kind: type) -> str | None:
    return _KNOWN.get(f"{kind.__module__}.{kind.__qualname__}")


def _potential(neuron: Any, currents: Tensor) -> Tensor | None:
    """The potential (N, *features) that the steps begin with, to be written to; None where the library itself runs."""
    step = currents[0]
    exact = currents.device.type == "cpu" and currents.dtype in (torch.float32, torch.float64) and step.ndim in (2, 4)
    plain = neuron.surrogate_function.spiking and not neuron.store_v_seq and neuron._neuron_precision is None
    if not exact or not plain or _needs_gradient(neuron, currents):
        return None
    layout = torch.channels_last if step.ndim == 4 else torch.contiguous_format
    if not isinstance(neuron.v, Tensor):
        return torch.full_like(step, neuron.v, memory_format=layout)
    same = (neuron.v.shape, neuron.v.dtype, neuron.v.device) == (step.shape, step.dtype, step.device)
    return neuron.v.clone(memory_format=layout) if same else None


def _needs_gradient(neuron: Any, currents: Tensor) -> bool:
    tensors = (currents, neuron.v, *neuron.parameters())
    return torch.is_grad_enabled() and any(isinstance(each, Tensor) and each.requires_grad for each in tensors)


def _equal_neuron(neuron: Any) -> SpikingNeuron:
    """This project's neuron of the same constants as SpikingJelly's, as they are now."""
    soft = neuron.v_reset is None
    shared = {"threshold": neuron.v_threshold, "reset": "soft" if soft else "hard", "v_reset": neuron.v_reset or 0.0}
    known = next(_name(kind) for kind in type(neuron).__mro__ if _name(kind))
    if known == _IF:
        return IFNeuron(**shared)
    if known == _LIF:
        return LIFNeuron(neuron.tau, neuron.decay_input, **shared)
    leaking = PLIFNeuron(2.0, neuron.decay_input, **shared)
    leaking.w = neuron.w
    return leaking
