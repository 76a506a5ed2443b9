"""Calibrated weight quantizers for snnbench: GPTQ, AdaRound, and GPTQ on the error of the membrane potential."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from snnbench import hookimpl
from snnbench.errors import OptionError
from snnbench.quant.calibration import LayerInputs
from snnbench_calibrated.grams import gram
from snnbench_calibrated.rounding import adaptive_rounding, compensated_rounding
from snnbench_calibrated.shifted import Shifted

Bits = Annotated[int, Field(ge=2, le=8)]
Steps = Annotated[int, Field(ge=1)]
Tau = Annotated[float, Field(gt=1)]


class GPTQ(Shifted):
    """GPTQ (Frantar et al. 2023, arXiv 2210.17323); with `tau`, of leaky membrane potentials instead of currents."""

    def __init__(self, tensor: Tensor, bits: int, tau: float | None = None) -> None:
        super().__init__(tensor, bits)
        self.tau = tau

    def calibrate(self, inputs: LayerInputs) -> None:
        """Round column by column, and let the remaining columns make up for the error of the layer's output."""
        hessian = 2 * gram(inputs, self.tau)
        self.choose(inputs.weight, compensated_rounding(inputs.weight.flatten(1), self.scale, self.most, hessian))


class AdaRound(Shifted):
    """AdaRound (Nagel et al. 2020, arXiv 2004.10568)."""

    def __init__(self, tensor: Tensor, bits: int, steps: int) -> None:
        super().__init__(tensor, bits)
        self.steps = steps

    def calibrate(self, inputs: LayerInputs) -> None:
        """Learn for each weight whether to round it up or down, for the least error of the layer's output."""
        weight = inputs.weight.flatten(1)
        self.choose(inputs.weight, adaptive_rounding(weight, self.scale, self.most, gram(inputs), self.steps))


def gptq(tensor: Tensor, *, bits: Bits) -> nn.Module:
    """GPTQ: rounds column by column, the remaining columns making up for the error; symmetric, per channel."""
    return GPTQ(_weights(tensor), bits)


def membrane_gptq(tensor: Tensor, *, bits: Bits, tau: Tau = 2.0) -> nn.Module:
    """GPTQ on the error of the membrane potential of a leaky neuron of time constant tau, resets left out."""
    return GPTQ(_weights(tensor), bits, tau)


def adaround(tensor: Tensor, *, bits: Bits, steps: Steps = 1000) -> nn.Module:
    """AdaRound: learns whether to round each weight up or down, in so many steps of Adam; symmetric, per channel."""
    return AdaRound(_weights(tensor), bits, steps)


def _weights(tensor: Tensor) -> Tensor:
    if tensor.isnan().any():
        raise OptionError("a membrane has no weights to calibrate; choose an uncalibrated quantizer for it")
    return tensor


@hookimpl
def snnbench_quantizers() -> dict[str, Callable[..., nn.Module]]:
    """``gptq``, ``membrane-gptq`` and ``adaround``."""
    return {"gptq": gptq, "membrane-gptq": membrane_gptq, "adaround": adaround}
