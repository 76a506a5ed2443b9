"""The weights that layers really multiply with, where a forward makes them out of the parameters."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from snnbench.errors import GraphError
from snnbench.nn.walk import evaluating, first_tensor
from snnbench.quant.products import ProductWeights

_LIBRARIES = ("torch.nn.modules.", "spikingjelly.activation_based.layer")
_PLAIN = frozenset({"Conv1d.forward", "Conv2d.forward", "Linear.forward"})


def multiplies_its_parameter(module: nn.Module) -> bool:
    """Whether a layer has the forward of a plain layer of PyTorch or SpikingJelly; their `WSConv2d` has not."""
    forward = type(module).forward
    return forward.__module__.startswith(_LIBRARIES) and forward.__qualname__ in _PLAIN


def used_weight(name: str, module: nn.Conv1d | nn.Conv2d | nn.Linear, shape: tuple[int, ...]) -> Tensor:
    """The weight of layer `name`: its parameter, or what a forward of its own makes of that, as those of Brevitas do.

    Such a layer is run on two random inputs of `shape`, one sample's.

    Raises:
        GraphError: if it does other than one convolution or linear map of its input, with the same weight for both.
    """
    if multiplies_its_parameter(module):
        return module.weight.detach().cpu()
    generator = torch.Generator().manual_seed(0)
    weights = [_multiplied(module, torch.randn(2, *shape, generator=generator)) for _ in range(2)]
    if weights[0] is None or weights[1] is None or not torch.equal(weights[0], weights[1]):
        raise GraphError(
            f"layer '{name}' ({type(module).__name__}) has a forward of its own that does not only multiply its input"
            " with one weight, which NIR cannot say"
        )
    return weights[0].cpu()


@torch.no_grad()
def _multiplied(module: nn.Conv1d | nn.Conv2d | nn.Linear, x: Tensor) -> Tensor | None:
    """What a layer multiplies with; None if its output is not the product that a plain one gives with that."""
    x = x.to(module.weight.device)
    several = getattr(module, "step_mode", "s") == "m"
    with evaluating(module), torch.random.fork_rng(devices=[]):
        with ProductWeights(module) as products:
            given = first_tensor(module(x.unsqueeze(0) if several else x))
        weight = products.weights.get("")
        if weight is None or weight.shape != module.weight.shape:
            return None
        bias = module.bias
        plain = F.linear(x, weight, bias) if isinstance(module, nn.Linear) else module._conv_forward(x, weight, bias)
        plain = plain.unsqueeze(0) if several else plain
    return weight if given is not None and torch.equal(given, plain) else None
