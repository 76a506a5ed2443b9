"""LQ-Nets: learned quantization levels (Zhang et al., ECCV 2018, arXiv 1807.10029)."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from snnbench.nn.refits import Refitting
from snnbench.quant.nearest import nearest, tally, thresholds
from snnbench.quant.straight_through import straight_through

Codes = Literal["signed", "binary"]
_CLIP = {"narrow": 1.0, "wide": 10.0}
_RIDGE = 1e-4
_DECAY = 0.9
_STILL_FALLING = 1e-6
_RESOLUTION = 1e-12


class LQNet(nn.Module, Refitting):
    """2^b levels a row, all sums ``codes @ basis``; rows are output channels, or the whole tensor if it is 1-d.

    A training forward of the network quantizes with the stored basis and collects the sums that the refit needs;
    `finish_forward` then refits once, however often the weight was read. The gradient is the identity. A gradient
    checkpoint that runs a layer again, in the backward pass, gets the levels of the forward pass.
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
        self._training_forward, self._used = False, self.basis
        if self.by_channel:
            self._fit(self._rows(tensor.detach()))

    def forward(self, x: Tensor) -> Tensor:
        """The quantized tensor, same shape and dtype as `x`."""
        rows = self._rows(x.detach())
        levels, order = self._levels(self._used if self.training and _in_backward_pass() else self.basis, x.dtype)
        if not self._training_forward or (self.by_channel and self._sums is not None):  # one weight, read again
            return straight_through(nearest(rows, levels).view(x.shape), x)
        found, counts, sums = tally(rows, levels)
        self._collect(_by_code(counts, order), _by_code(sums, order))
        return straight_through(found.view(x.shape), x)

    def start_forward(self) -> None:
        """A training forward of the network begins: what is quantized from now on counts for the refit."""
        self._sums, self._training_forward, self._used = None, True, self.basis.clone()

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

    def _levels(self, basis: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        levels, order = (basis @ self.codes.T).to(dtype).sort(dim=1)
        return levels, order

    def _collect(self, counts: Tensor, sums: Tensor) -> None:
        gram, moment = normal_equations(counts, sums, self.codes)
        self._sums = (gram, moment) if self._sums is None else (self._sums[0] + gram, self._sums[1] + moment)

    def _fit(self, rows: Tensor) -> None:
        """Alternate encoding and refitting until the squared error of no row falls any more."""
        totals = Totals(rows)
        least = torch.full((len(rows), 1), torch.inf, dtype=torch.float64, device=rows.device)
        basis = self.basis
        while True:
            levels, order = (basis @ self.codes.T).sort(dim=1)
            counts, sums = totals.of_levels(levels)
            error = totals.error(levels, counts, sums)
            falls = error < least * (1 - _STILL_FALLING)
            if not falls.any():
                return
            self.basis = torch.where(falls, basis, self.basis)
            least = torch.where(falls, error, least)
            basis = solve(*normal_equations(_by_code(counts, order), _by_code(sums, order), self.codes), basis)

    def extra_repr(self) -> str:
        """The options."""
        return f"bits={self.bits}, clip={self.clip}"


class Totals:
    """What a fit asks of its `rows` (R, n): they do not change, so they are sorted once and no step goes over them."""

    def __init__(self, rows: Tensor) -> None:
        self.rows = rows.sort(dim=1).values
        values = self.rows.double()
        self.squares = values.square().sum(dim=1, keepdim=True)
        self.below = torch.nn.functional.pad(values.cumsum(dim=1), (1, 0))

    def of_levels(self, levels: Tensor) -> tuple[Tensor, Tensor]:
        """How many values are nearest to each of the sorted `levels` (R, K), and their sums, both (R, K) float64."""
        ends = torch.searchsorted(self.rows, thresholds(levels), right=True)
        ends = torch.nn.functional.pad(ends, (1, 0))
        ends = torch.nn.functional.pad(ends, (0, 1), value=self.rows.shape[1])
        return ends.diff(dim=1).double(), self.below.gather(1, ends).diff(dim=1)

    def error(self, levels: Tensor, counts: Tensor, sums: Tensor) -> Tensor:
        """Squared error (R, 1) float64 of each row; below what float64 can tell from zero it stays the same."""
        values = levels.double()
        error = self.squares + (values * (values * counts - 2 * sums)).sum(dim=1, keepdim=True)
        return error.maximum(_RESOLUTION * self.squares)


def _by_code(of_levels: Tensor, order: Tensor) -> Tensor:
    """What each code has, from what each level has; both (R, K), `order` (R, K) being the codes of the levels."""
    return torch.empty_like(of_levels).scatter_(1, order, of_levels)


def normal_equations(counts: Tensor, sums: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
    """``B'B`` (R, b, b) and ``B'x`` (R, b) in float64, from how many values have each of `codes` (K, b) and their sums.

    No table of n x K is ever made.
    """
    table = codes.double()
    pairs = (table[:, :, None] * table[:, None, :]).flatten(1)
    return (counts @ pairs).view(len(counts), *2 * table.shape[1:]), sums @ table


def solve(gram: Tensor, moment: Tensor, basis: Tensor) -> Tensor:
    """``(B'B + eps I)^-1 (B'x + eps v)`` with eps = 1e-4, in the dtype of `basis`."""
    ridge = _RIDGE * torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    refitted: Tensor = torch.linalg.solve(gram + ridge, moment + _RIDGE * basis.double())
    return refitted.to(basis.dtype)


def _in_backward_pass() -> bool:
    return torch._C._current_graph_task_id() != -1


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
