"""Nonuniform weight quantizers for snnbench: DoReFa, additive powers of two, and the weights of N2UQ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from snnbench import hookimpl
from snnbench.quant import straight_through

_LEAST = 1e-8


def restored(q: Tensor, w: Tensor) -> Tensor:
    """`q` times the factor that brings it nearest to `w` in the least squares; the factor carries no gradient."""
    values, weights = q.detach(), w.detach()
    return q * ((values * weights).sum() / values.square().sum().clamp(min=_LEAST))


class DoReFa(nn.Module):
    """DoReFa-Net weights (Zhou et al. 2016, arXiv 1606.06160)."""

    def __init__(self, bits: int, rescale: bool) -> None:
        super().__init__()
        self.bits, self.rescale = bits, rescale

    def forward(self, w: Tensor) -> Tensor:
        """``2 round((2^b-1) u) / (2^b-1) - 1``, u = tanh w / (2 max|tanh w|) + 1/2; 1 bit: sign(w) E|w|."""
        if self.bits == 1:
            size = w.detach().abs().mean()
            return straight_through(torch.where(w >= 0, size, -size), w)
        squashed, steps = w.tanh(), 2**self.bits - 1
        u = squashed / (2 * squashed.abs().max().clamp(min=_LEAST)) + 0.5
        q = 2 * straight_through((u * steps).round() / steps, u) - 1
        return restored(q, w) if self.rescale else q


class APoT(nn.Module):
    """Additive powers of two (Li et al. 2020, arXiv 1909.13144), with a learned clipping threshold alpha."""

    magnitudes: Tensor

    def __init__(self, tensor: Tensor, bits: int, rescale: bool) -> None:
        super().__init__()
        self.rescale = rescale
        self.alpha = nn.Parameter(torch.full_like(tensor.detach().flatten()[0], 3.0))
        self.register_buffer("magnitudes", magnitudes(bits).to(tensor), persistent=False)

    def forward(self, w: Tensor) -> Tensor:
        """``alpha sgn(x) proj(min(|x|, 1))``, x = (w - mean) / deviation / alpha; identity gradient."""
        standard = (w - w.detach().mean()) / w.detach().std(correction=0).clamp(min=_LEAST)
        alpha = self.alpha.to(w.dtype)
        with torch.no_grad():
            x = standard / alpha
            q = x.sign() * nearest(x.abs().clamp(max=1), self.magnitudes.to(w.dtype))
            slope = torch.where(x.abs() > 1, x.sign(), q - x)
        quantized = straight_through(alpha * q, standard + alpha * slope)
        return restored(quantized, w) if self.rescale else quantized


class N2UQ(nn.Module):
    """The weights of nonuniform-to-uniform quantization (Liu et al. 2022, arXiv 2111.14826)."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.bits, self.half = bits, (2**bits - 1) / 2

    def forward(self, w: Tensor) -> Tensor:
        """``S (round((clip(w/S, -1, 1) + 1) n) / n - 1)``, n = (2^b - 1)/2, S = E|w| (2^b - 1) / 2^(b-1)."""
        scale = (w.detach().abs().mean() * (2**self.bits - 1) / 2 ** (self.bits - 1)).clamp(min=_LEAST)
        clipped = (w / scale).clamp(-1, 1)
        return scale * straight_through(((clipped + 1) * self.half).round() / self.half - 1, clipped)


def nearest(x: Tensor, levels: Tensor) -> Tensor:
    """For each value of `x` the nearest of the sorted `levels`; ties go down."""
    return levels[torch.searchsorted((levels[1:] + levels[:-1]) / 2, x.contiguous())]


def magnitudes(bits: int) -> Tensor:
    """The magnitudes, sorted and at most 1: sums of one term out of each set of powers of two."""
    sums = torch.zeros(1)
    for terms in TERMS[bits]:
        sums = (sums[:, None] + torch.tensor([0.0, *(2.0**-power for power in terms)])).flatten()
    return (sums / sums.max()).sort().values


TERMS: dict[int, tuple[tuple[int, ...], ...]] = {
    2: ((1,),),
    3: ((1, 2, 3),),
    4: ((1, 2, 4), (3,)),
    5: ((1, 3, 5), (2, 4, 6)),
    6: ((1, 3, 6), (2, 4, 7), (5,)),
    7: ((1, 4, 7), (2, 5, 8), (3, 6, 9)),
}
"""For each number of bits (a sign and bits - 1 for the magnitude) the exponents of each set; 0 is in every set."""


def dorefa(tensor: Tensor, *, bits: Annotated[int, Field(ge=1, le=8)], rescale: bool = True) -> nn.Module:
    """DoReFa: uniform levels of tanh w, in [-1, 1]; with ``rescale``, at the least-squares scale of the weight.

    The paper's values lie in [-1, 1] whatever the weight's scale. A network that was trained in full precision needs
    the scale: ``rescale`` puts it back. ``rescale=false`` is the paper's own.
    """
    return DoReFa(bits, rescale)


def apot(tensor: Tensor, *, bits: Annotated[int, Field(ge=2, le=7)], rescale: bool = True) -> nn.Module:
    """APoT: sums of powers of two times a learned alpha, which starts at 3 deviations.

    The paper standardises the weight and so loses its scale; with ``rescale`` the least-squares scale is put back.
    """
    return APoT(tensor, bits, rescale)


def n2uq(tensor: Tensor, *, bits: Annotated[int, Field(ge=1, le=8)]) -> nn.Module:
    """N2UQ: uniform levels between -S and S, S proportional to the mean magnitude, per tensor."""
    return N2UQ(bits)


@hookimpl
def snnbench_quantizers() -> dict[str, Callable[..., nn.Module]]:
    """``dorefa``, ``apot`` and ``n2uq``."""
    return {"dorefa": dorefa, "apot": apot, "n2uq": n2uq}
