"""Calibrated weight quantizers for snnbench: GPTQ, AdaRound, and SBC for spiking layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from snnbench import hookimpl
from snnbench.errors import OptionError
from snnbench.quant import Calibrated
from snnbench.quant.calibration import LayerInputs
from snnbench_calibrated.grams import decay_of, gram
from snnbench_calibrated.rounding import adaptive_rounding, compensated_rounding
from snnbench_calibrated.shifted import Shifted

Bits = Annotated[int, Field(ge=2, le=8)]
Steps = Annotated[int, Field(ge=1)]
Tau = Annotated[float, Field(gt=1)]


class GPTQ(Shifted, Calibrated):
    """GPTQ (Frantar et al. 2023, arXiv 2210.17323)."""

    def calibrate(self, inputs: LayerInputs) -> None:
        """Round column by column, and let the remaining columns make up for the error of the layer's output."""
        self._compensate(inputs, 2 * gram(inputs))

    def _compensate(self, inputs: LayerInputs, hessian: Tensor) -> None:
        self.choose(inputs.weight, compensated_rounding(inputs.weight.flatten(1), self.scale, self.most, hessian))


class SBC(GPTQ):
    """Spiking Brain Compression (Shi et al. 2025, arXiv 2506.03996): GPTQ with the Hessian of spike trains."""

    def __init__(self, tensor: Tensor, bits: int, tau: float | None) -> None:
        super().__init__(tensor, bits)
        self.tau = tau

    def calibrate(self, inputs: LayerInputs) -> None:
        """As GPTQ, for the error of the potential, which stands for that of the filtered spike train."""
        decay = decay_of(inputs.neuron) if self.tau is None else 1 - 1 / self.tau
        self._compensate(inputs, 2 * gram(inputs, decay))


class AdaRound(Shifted, Calibrated):
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


def sbc(tensor: Tensor, *, bits: Bits, tau: Tau | None = None) -> nn.Module:
    """SBC: GPTQ with the spike trains' Hessian; the leak is that of the neuron fed by the layer, or of ``tau``."""
    return SBC(_weights(tensor), bits, tau)


def adaround(tensor: Tensor, *, bits: Bits, steps: Steps = 1000) -> nn.Module:
    """AdaRound: learns whether to round each weight up or down, in so many steps of Adam; symmetric, per channel."""
    return AdaRound(_weights(tensor), bits, steps)


def _weights(tensor: Tensor) -> Tensor:
    if tensor.isnan().any():
        raise OptionError("a membrane has no weights to calibrate; choose an uncalibrated quantizer for it")
    return tensor


@hookimpl
def snnbench_quantizers() -> dict[str, Callable[..., nn.Module]]:
    """``gptq``, ``sbc`` and ``adaround``."""
    return {"gptq": gptq, "sbc": sbc, "adaround": adaround}
