"""What a quantizer is, and what it may offer besides; `Refitting` is the fourth, in `snnbench.nn.refits`.

They are matched by their methods: a plugin need not derive from them, but may, or annotate with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from torch import Tensor, nn

from snnbench.errors import PluginError

if TYPE_CHECKING:
    from snnbench.quant.calibration import LayerInputs


class Quantizer(Protocol):
    """What a factory of `snnbench_quantizers` gives: an `nn.Module` from a float tensor to a quantized one."""

    def __call__(self, x: Tensor, /) -> Tensor:
        """A tensor of the shape and dtype of `x`, of at most 2^bits levels a channel; with a gradient to `x`."""


@runtime_checkable
class Calibrated(Protocol):
    """A quantizer of weights that wants to see data once, before the network is measured or fine-tuned."""

    def calibrate(self, inputs: LayerInputs) -> None:
        """Choose what is to be kept in the ``state_dict`` by the `inputs` of the layer."""


@runtime_checkable
class Joint(Protocol):
    """A quantizer of weights that makes the quantizer of the membrane that its layer feeds."""

    def for_membrane(self, tensor: Tensor, *, bits: int, **options: Any) -> nn.Module:
        """The quantizer of potentials; `tensor` is (C,) of NaN."""


def checked_module(owner: object, made: object) -> nn.Module:
    """What a factory of quantizers made; PluginError, which names its `owner`, unless it is an `nn.Module`."""
    if isinstance(made, nn.Module):
        return made
    found = f"the class {made.__name__}" if isinstance(made, type) else f"a {type(made).__name__}"
    raise PluginError(f"{owner}: its factory gives {'None' if made is None else found}, not an nn.Module")
