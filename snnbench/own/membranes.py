"""Quantized membrane potentials in the neurons of snnbench, SpikingJelly and snnTorch."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from snnbench.errors import OptionError
from snnbench.nn.libraries import step_mode
from snnbench.nn.neurons import SpikingNeuron
from snnbench.nn.refits import observe_forwards
from snnbench.nn.walk import named_modules
from snnbench.quant import MakeQuantizer

_HOLDER = "state_quantizer"
_STEPPED = frozenset({"BaseNode", "SimpleBaseNode", "ActivationAwareIFNode"})
"""SpikingJelly's neurons that keep a potential after each step; others, as GatedLIFNode, compute all at once."""


class InThresholds(nn.Module):
    """A state quantizer that gets potentials in units of the neuron's threshold, as all of them do.

    A threshold that is learned is the unit as it is learned, and has a gradient through it.
    """

    def __init__(self, quantizer: nn.Module, neuron: nn.Module, field: str) -> None:
        super().__init__()
        self.quantizer = quantizer
        # In a tuple, so that the neuron, which has this module, is no module of it.
        self._neuron, self._field = (neuron,), field

    @property
    def threshold(self) -> Any:
        """The neuron's threshold as it is now: a number, or a tensor that broadcasts to the potentials."""
        return getattr(self._neuron[0], self._field)

    def forward(self, potential: Tensor) -> Tensor:
        """The quantized potential, of the same shape."""
        quantized: Tensor = self.quantizer(potential / self.threshold) * self.threshold
        return quantized


class Stored:
    """What stands in for a SpikingJelly neuron's forward: after each step, the potential is stored quantized."""

    def __init__(self, neuron: Any) -> None:
        self._neuron = neuron

    def __call__(self, x: Tensor) -> Tensor:
        """Spikes of one step, or of all steps in step mode m."""
        return torch.stack([self._step(each) for each in x]) if self._neuron.step_mode == "m" else self._step(x)

    def _step(self, x: Tensor) -> Tensor:
        spikes: Tensor = self._neuron.single_step_forward(x)
        self._neuron.v = getattr(self._neuron, _HOLDER)(self._neuron.v)
        return spikes


def quantize_membranes(model: nn.Module, make: MakeQuantizer, site: str | None) -> tuple[str, ...]:
    """Give every spiking layer of `model` a state quantizer, in place; returns the layers' names.

    Args:
        model: a network of snnbench, SpikingJelly (either step mode) or snnTorch.
        make: builds the quantizer of a layer; it gets a tensor of shape (1,), for the whole layer.
        site: ``pre_spike`` or ``post_reset``; by default where the library has one place only, there, else
            ``post_reset``. SpikingJelly's is ``post_reset``, snnTorch's ``pre_spike``.

    Raises:
        OptionError: if there is no spiking layer, or one of another library, or the library lacks the site.
    """
    layers = {name: module for name, module in named_modules(model).items() if step_mode(module)}
    if not layers:
        raise OptionError(f"{type(model).__name__} has no spiking layer whose membrane could be quantized")
    for name, module in layers.items():
        _put(name, module, make(name, torch.full((1,), torch.nan)), site)
    observe_forwards(model)
    return tuple(layers)


def _put(name: str, module: Any, quantizer: nn.Module, site: str | None) -> None:
    kind = next(base for base in type(module).__mro__ if not base.__name__.startswith("Parametrized"))
    libraries = [base.__module__.split(".")[0] for base in kind.__mro__]
    if isinstance(module, SpikingNeuron):
        _check_site(name, site, ("pre_spike", "post_reset"), "snnbench")
        module.state_quantizer, module.site = quantizer, cast(Any, site or "post_reset")
    elif "spikingjelly" in libraries and not _STEPPED.isdisjoint(base.__name__ for base in kind.__mro__):
        _check_site(name, site, ("post_reset",), "SpikingJelly")
        module.state_quantizer = InThresholds(quantizer, module, "v_threshold")
        module.forward = Stored(module)
    elif "snntorch" in libraries:
        _check_site(name, site, ("pre_spike",), "snnTorch")
        module.state_quant = InThresholds(quantizer, module, "threshold")
    else:
        raise OptionError(
            f"layer {name!r} is a {kind.__name__} of {libraries[0]}, whose membrane cannot be quantized here; "
            "those of snnbench and snnTorch can, and SpikingJelly's that step one by one, such as LIFNode; "
            "put one of these in its place, or quantize the weights alone"
        )


def _check_site(name: str, site: str | None, sites: tuple[str, ...], library: str) -> None:
    if site is not None and site not in sites:
        raise OptionError(f"site={site!r}: layer {name!r} is of {library}, whose membranes have {' and '.join(sites)}")
