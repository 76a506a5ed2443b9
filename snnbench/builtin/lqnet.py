"""LQ-Nets: learned quantization levels (Zhang et al., ECCV 2018, arXiv 1807.10029)."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from snnbench.quant.straight_through import straight_through

Codes = Literal["signed", "binary"]
_CLIP = {"narrow": 1.0, "wide": 10.0}
_RIDGE = 1e-4
_DECAY = 0.9
_STILL_FALLING = 1e-6


class LQNet(nn.Module):
    """2^b levels a row, all sums ``codes @ basis``; rows are output channels, or the whole tensor if it is 1-d.

    A training forward of the network quantizes with the stored basis and collects the sums that the refit needs;
    `finish_forward` then refits once, however often the weight was read. The gradient is the identity.
    """

    basis: Tensor
    average: Tensor
    refits: Tensor
    codes: Tensor

    def __init__(self, tensor: Tensor, bits: int, codes: Codes, clip: Literal["narrow", "wide"]) -> None:
        super().__init__()
        self.bits, self.clip, self.by_channel = bits, clip, tensor.ndim > 1
        self.register_buffer("codes", _all_codes(bits, codes).to(tensor), persistent=False)
        self.register_buffer("basis", _initial_basis(tensor, bits, codes))
        self.register_buffer("average", torch.zeros_like(self.basis))
        self.register_buffer("refits", torch.zeros((), dtype=torch.int64))
        self._sums: tuple[Tensor, Tensor] | None = None
        self._training_forward = False
        if self.by_channel:
            self._fit(self._rows(tensor.detach()))

    def forward(self, x: Tensor) -> Tensor:
        """The quantized tensor, same shape and dtype as `x`."""
        rows = self._rows(x.detach())
        levels, order = self._levels(x.dtype)
        index = encode(rows, levels)
        if self._training_forward:
            self._collect(rows, index, order)
        return straight_through(levels.gather(1, index).view(x.shape), x)

    def start_forward(self) -> None:
        """A training forward of the network begins: what is quantized from now on counts for the refit."""
        self._sums, self._training_forward = None, True

    def finish_forward(self) -> None:
        """The training forward is over: refit, and fold the result into the zero-debiased moving average."""
        sums, self._sums, self._training_forward = self._sums, None, False
        if sums is None:
            return
        self.refits += 1
        self.average.lerp_(solve(*sums, self.basis), 1 - _DECAY)
        self.basis.copy_(self.average / (1 - _DECAY ** int(self.refits)))

    def _rows(self, x: Tensor) -> Tensor:
        limit = _CLIP[self.clip]
        return (x.flatten(1) if self.by_channel else x.reshape(1, -1)).clamp(-limit, limit)

    def _levels(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        levels, order = (self.basis @ self.codes.T).to(dtype).sort(dim=1)
        return levels, order

    def _collect(self, rows: Tensor, index: Tensor, order: Tensor) -> None:
        sums = normal_equations(rows, order.gather(1, index), self.codes)
        self._sums = sums if self._sums is None else (self._sums[0] + sums[0], self._sums[1] + sums[1])

    def _fit(self, rows: Tensor) -> None:
        """Alternate encoding and refitting until the squared error of no row falls any more."""
        least = torch.full((len(rows), 1), torch.inf, dtype=torch.float64, device=rows.device)
        basis = self.basis
        while True:
            levels, order = (basis @ self.codes.T).sort(dim=1)
            index = encode(rows, levels)
            error = (levels.gather(1, index) - rows).double().square().sum(dim=1, keepdim=True)
            falls = error < least * (1 - _STILL_FALLING)
            if not falls.any():
                return
            self.basis = torch.where(falls, basis, self.basis)
            least = torch.where(falls, error, least)
            basis = solve(*normal_equations(rows, order.gather(1, index), self.codes), basis)

    def extra_repr(self) -> str:
        """The options."""
        return f"bits={self.bits}, clip={self.clip}"


def encode(rows: Tensor, levels: Tensor) -> Tensor:
    """Index (R, n) of the nearest of the sorted `levels` (R, K) for each of `rows` (R, n); ties go down."""
    thresholds = (levels[:, 1:] + levels[:, :-1]) / 2
    index: Tensor = torch.searchsorted(thresholds.contiguous(), rows.contiguous())
    return index


def normal_equations(rows: Tensor, code: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
    """``B'B`` (R, b, b) and ``B'x`` (R, b) in float64, from the index `code` (R, n) of each value's row of `codes`.

    Counts and sums a code come first, so that no table of n x 2^b is ever made.
    """
    table = codes.double()
    counts = torch.zeros(len(rows), len(codes), dtype=torch.float64, device=rows.device)
    sums = torch.zeros_like(counts)
    values = rows.double()
    counts.scatter_add_(1, code, torch.ones_like(values))
    sums.scatter_add_(1, code, values)
    gram = torch.einsum("rk,ki,kj->rij", counts, table, table)
    return gram, sums @ table


def solve(gram: Tensor, moment: Tensor, basis: Tensor) -> Tensor:
    """``(B'B + eps I)^-1 (B'x + eps v)`` with eps = 1e-4, in the dtype of `basis`."""
    ridge = _RIDGE * torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    refitted: Tensor = torch.linalg.solve(gram + ridge, moment + _RIDGE * basis.double())
    return refitted.to(basis.dtype)


def _all_codes(bits: int, codes: Codes) -> Tensor:
    binary = (torch.arange(2**bits)[:, None] >> torch.arange(bits)) & 1
    return (binary if codes == "binary" else 2 * binary - 1).float()


def _initial_basis(tensor: Tensor, bits: int, codes: Codes) -> Tensor:
    powers = 2.0 ** torch.arange(bits, dtype=torch.float64)
    if tensor.ndim > 1:
        fan_out = len(tensor) * tensor[0, 0].numel()
        basis: Tensor = powers * 0.6745 * math.sqrt(2 / fan_out) / 2 ** (bits - 1)
    else:
        basis = powers / (2**bits - 1)
    if codes == "binary":
        basis[-1] = -basis[-1]
    rows = len(tensor) if tensor.ndim > 1 else 1
    return basis.to(tensor).repeat(rows, 1)


def lqnet(
    tensor: Tensor,
    *,
    bits: Annotated[int, Field(ge=1, le=8)],
    clip: Literal["narrow", "wide"] = "narrow",
    codes: Codes = "signed",
) -> nn.Module:
    """LQ-Net: levels are all sums of a learned basis of b numbers, one basis an output channel.

    Weights are clipped to [-1, 1] (``narrow``) or [-10, 10] (``wide``) before they are encoded. The basis is fitted to
    the tensor by alternating least squares and, in training, refitted once a forward. A 1-d tensor stands for a
    membrane: one basis a layer, starting as 2^b equally spaced levels in [-1, 1]. ``codes`` are {-1, +1}
    (``signed``) or {0, 1} (``binary``, as the paper writes them, started in two's complement).
    """
    return LQNet(tensor, bits, codes, clip)
