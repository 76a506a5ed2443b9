"""Correlation of two networks' firing rates over the units of a layer."""

from __future__ import annotations

from typing import Literal, overload

import torch
from torch import Tensor

from snnbench.errors import FiringError
from snnbench.functional.emd import matched_rates, narrowed, reduce_pairs
from snnbench.functional.layers import Reduction, Scalar, Units
from snnbench.functional.rates import Rates


@overload
def rate_correlation(
    rates: Rates, reference_rates: Rates, reduction: Scalar = "weighted", units: Units = "neuron"
) -> Tensor: ...
@overload
def rate_correlation(
    rates: Rates, reference_rates: Rates, reduction: Literal["none"], units: Units = "neuron"
) -> dict[str, Tensor]: ...
def rate_correlation(
    rates: Rates, reference_rates: Rates, reduction: Reduction = "weighted", units: Units = "neuron"
) -> Tensor | dict[str, Tensor]:
    """Pearson correlation of matched units' rates, layer by layer, in [-1, 1].

    Whether the same neurons are the busy ones; blind to rates that all shift or scale alike. Differentiable.

    Args:
        rates: firing rates in [0, 1], a tensor, or layer name -> tensor, or a profile.
        reference_rates: the same for the reference, of equal shapes.
        reduction: over layers, as in `firing_emd`; `pooled` correlates all units of all layers together.
        units: `neuron` or `channel`, as in `firing_emd`.

    Raises:
        FiringError: naming the layer, if layers or shapes differ, or the rates of a layer are all equal (it has no
            correlation).
    """
    pairs = matched_rates(rates, reference_rates, reduction, units)
    if reduction == "pooled":
        a, b = (torch.cat([rate.flatten() for rate in side]) for side in zip(*pairs.values(), strict=True))
        return narrowed(_pearson(a, b, "pooled"), rates, reference_rates)
    value = reduce_pairs({name: _pearson(a, b, name) for name, (a, b) in pairs.items()}, pairs, reduction)
    return narrowed(value, rates, reference_rates)


def constant(rates: Tensor) -> bool:
    """Whether all units have the same rate, so that no correlation exists."""
    return bool((rates == rates.flatten()[0]).all())


def _pearson(a: Tensor, b: Tensor, layer: str) -> Tensor:
    if constant(a) or constant(b):
        raise FiringError(
            f"layer {layer!r}: all units of one of the networks have the same rate; no correlation exists"
        )
    a, b = a.flatten() - a.mean(), b.flatten() - b.mean()
    return torch.clamp(a @ b / (a.norm() * b.norm()), -1, 1)
