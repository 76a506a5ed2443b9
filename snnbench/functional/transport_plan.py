"""The transport plan that is optimal in one dimension: both distributions sorted, quantile to quantile."""

from __future__ import annotations

import torch
from torch import Tensor


def monotone_plan(size: int, reference_size: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Pairs of ranks of two uniform distributions of `size` and `reference_size` points, and the mass each pair moves.

    Returns:
        ranks in the first, ranks in the second (int64) and masses (float64, sum 1), each `(pairs,)`.
    """
    # Quantile levels in units of 1/(size * reference_size), so that they are exact integers.
    levels = torch.arange(1, size + 1, device=device) * reference_size
    reference_levels = torch.arange(1, reference_size + 1, device=device) * size
    upper = torch.cat([levels, reference_levels]).sort().values
    width = upper.diff(prepend=upper.new_zeros(1))
    upper, width = upper[width > 0], width[width > 0]
    return (upper - 1) // reference_size, (upper - 1) // size, width.double() / (size * reference_size)
