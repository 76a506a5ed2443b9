"""`snnbench.on_chip`: a quantized network as a chip would run it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from snnbench.chips.document import Semantics
from snnbench.chips.fold import Excess, fold, fold_readout
from snnbench.chips.limits import excesses, reached
from snnbench.chips.network import IntegerNetwork
from snnbench.chips.shelf import find_chip
from snnbench.chips.trace import trace
from snnbench.errors import OptionError
from snnbench.nn.walk import timesteps_of, unwrapped


@dataclass(frozen=True)
class OnChip:
    """A network of whole numbers, and what the chip cannot hold as it is; call it as the network itself.

    Attributes:
        network: images (N, *shape) in, whole-number logits (N, classes) out.
        excess: what was changed or has no room, by name and number.
    """

    network: IntegerNetwork
    excess: tuple[Excess, ...]


def on_chip(
    model: nn.Module,
    chip: str | Semantics,
    *,
    input_shape: tuple[int, ...] | None = None,
    timesteps: int | None = None,
) -> OnChip:
    """Put a quantized network on a chip of integer arithmetic: weights, batch norms, thresholds and states.

    Args:
        model: a SEW-ResNet that merges by ADD, a chain of layers, or what `torch.fx` can follow.
        chip: name of a chip, path of a document that ends in ``.toml``, or semantics.
        input_shape: shape of one image, for what depends on it; by default 32 x 32 pixels before a convolution.
        timesteps: T; by default the model's attribute of that name.

    Raises:
        GraphError: if a layer cannot be folded; the message names it and says what to do.
        OptionError: if the chip computes in float, or T is missing.
        PluginError, ProtocolError: if there is no such chip, or its document is not valid.
    """
    model, semantics = unwrapped(model), find_chip(chip) if isinstance(chip, str) else chip
    if semantics.arithmetic == "float":
        raise OptionError(f"chip '{semantics.name}' computes in float: it is the network itself")
    steps = timesteps if timesteps is not None else timesteps_of(model)
    if steps is None:
        raise OptionError(f"{type(model).__name__} has no attribute timesteps; say on_chip(model, ..., timesteps=4)")
    layers, readout = trace(model)
    folded = [fold(layer, semantics, last=layer is layers[-1]) for layer in layers]
    last, said = fold_readout(readout, semantics)
    first = layers[0].weight
    shape = input_shape or ((first.shape[1], 32, 32) if first.ndim == 4 else (first.shape[1],))
    network = IntegerNetwork(semantics, tuple(layer for layer, _ in folded), last, steps)
    told = (*excesses(layers, shape, semantics), *(e for _, found in folded for e in found), *said)
    return OnChip(network, (*told, *reached(network)))  # behind what earlier records hold, which are measured again
