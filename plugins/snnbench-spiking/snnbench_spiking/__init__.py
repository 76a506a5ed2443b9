"""Quantizers published for spiking networks, for snnbench: MINT, Q-SNN's binary weights and ReScaW."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn

from snnbench import hookimpl
from snnbench_spiking.mint import MINT
from snnbench_spiking.weights import QSNN, ReScaW


def mint(tensor: Tensor, *, bits: Annotated[int, Field(ge=2, le=8)]) -> nn.Module:
    """MINT: symmetric levels of tanh x up to a learned alpha, which a layer's weights and membrane share.

    With ``--quantizer mint --membrane mint`` a membrane takes the alpha of the weights that feed it. One that no
    quantized weights feed has an alpha of its own, which starts at the threshold.
    """
    return MINT(tensor, bits)


def qsnn(tensor: Tensor, *, bits: Literal[1] = 1) -> nn.Module:
    """Q-SNN's binary weights: the sign of the standardised weight, per channel, times a power of two."""
    return QSNN()


def rescaw(tensor: Tensor, *, bits: Annotated[int, Field(ge=1, le=8)]) -> nn.Module:
    """ReScaW of QP-SNN: 2^b equally spaced levels between -E|w| and E|w|, per channel."""
    return ReScaW(bits)


@hookimpl
def snnbench_quantizers() -> dict[str, Callable[..., nn.Module]]:
    """``mint``, ``qsnn`` and ``rescaw``."""
    return {"mint": mint, "qsnn": qsnn, "rescaw": rescaw}
