"""Distance between the firing of two networks: firing EMD (neurons as a distribution) and drift (neurons matched)."""

from __future__ import annotations

from typing import Literal, get_args, overload

import torch
from torch import Tensor

from snnbench.errors import FiringError
from snnbench.functional.layers import Layers, Reduction, check_choice, check_rates, pair_layers, reduce_layers


@overload
def firing_emd(
    rates: Layers, reference_rates: Layers, reduction: Literal["weighted", "mean", "max", "pooled"] = "weighted"
) -> Tensor: ...
@overload
def firing_emd(rates: Layers, reference_rates: Layers, reduction: Literal["none"]) -> dict[str, Tensor]: ...
@overload
def firing_emd(rates: Layers, reference_rates: Layers, reduction: Reduction) -> Tensor | dict[str, Tensor]: ...
def firing_emd(rates: Layers, reference_rates: Layers, reduction: Reduction = "weighted") -> Tensor | dict[str, Tensor]:
    """1-Wasserstein distance between two networks' distributions of firing rates over units, layer by layer.

    For layers of equal size it is `mean_i |sort(r)_i - sort(r')_i|`; in general `integral |F(x) - F'(x)| dx` over the
    two empirical distribution functions. Range [0, 1] spikes per step; blind to neurons that swap rates
    (see `firing_drift`). Differentiable almost everywhere, in both arguments; half precision stays half precision.

    Args:
        rates: firing rates in [0, 1], a tensor of any shape (each element a unit) or layer name -> tensor.
        reference_rates: the same for the reference; a layer may have another number of units.
        reduction: over layers: `weighted` by the units of the reference's layer (headline), `mean`, `max`, `pooled`
            (all units of all layers as one distribution; at most `weighted`), or `none` (dict per layer).

    Raises:
        FiringError: naming the layer, if layers differ or a tensor does not hold rates.

    Source: Wasserstein distance in one dimension, Ramdas et al. 2017, arXiv 1509.02237, eq. for p = 1.
    """
    check_choice(reduction, get_args(Reduction), "reduction")
    pairs = _rate_pairs(rates, reference_rates)
    if reduction == "pooled":
        return _wasserstein(torch.cat([a for a, _ in pairs.values()]), torch.cat([b for _, b in pairs.values()]))
    values = {name: _wasserstein(a, b) for name, (a, b) in pairs.items()}
    return _reduced(values, pairs, reduction)


@overload
def firing_drift(
    rates: Layers, reference_rates: Layers, reduction: Literal["weighted", "mean", "max", "pooled"] = "weighted"
) -> Tensor: ...
@overload
def firing_drift(rates: Layers, reference_rates: Layers, reduction: Literal["none"]) -> dict[str, Tensor]: ...
@overload
def firing_drift(rates: Layers, reference_rates: Layers, reduction: Reduction) -> Tensor | dict[str, Tensor]: ...
def firing_drift(
    rates: Layers, reference_rates: Layers, reduction: Reduction = "weighted"
) -> Tensor | dict[str, Tensor]:
    """Mean change of rate of matched neurons, `mean_i |r_i - r'_i|`, layer by layer; range [0, 1] spikes per step.

    Law: `|mean r - mean r'| <= firing_emd <= firing_drift` in every layer. Differentiable almost everywhere.

    Args:
        rates: firing rates in [0, 1], a tensor or layer name -> tensor.
        reference_rates: the same for the reference, of equal shapes.
        reduction: over layers, as in `firing_emd`; `pooled` is the same as `weighted`.

    Raises:
        FiringError: naming the layer, if layers or shapes differ or a tensor does not hold rates.
    """
    check_choice(reduction, get_args(Reduction), "reduction")
    pairs = _rate_pairs(rates, reference_rates)
    values = {name: _mean_change(a, b, name) for name, (a, b) in pairs.items()}
    return _reduced(values, pairs, reduction)


def _rate_pairs(rates: Layers, reference_rates: Layers) -> dict[str, tuple[Tensor, Tensor]]:
    pairs = pair_layers(rates, reference_rates)
    return {name: (check_rates(a, name), check_rates(b, name)) for name, (a, b) in pairs.items()}


def _reduced(
    values: dict[str, Tensor], pairs: dict[str, tuple[Tensor, Tensor]], reduction: Reduction
) -> Tensor | dict[str, Tensor]:
    if reduction == "none":
        return values
    return reduce_layers(values, {name: b.numel() for name, (_, b) in pairs.items()}, reduction)


def _wasserstein(a: Tensor, b: Tensor) -> Tensor:
    a, b = a.sort().values, b.sort().values
    if len(a) == len(b):
        return (a - b).abs().mean()
    # Quantile levels in units of 1/(len(a) len(b)), so that they are exact integers.
    steps_a = torch.arange(1, len(a) + 1, device=a.device) * len(b)
    steps_b = torch.arange(1, len(b) + 1, device=a.device) * len(a)
    upper = torch.unique(torch.cat([steps_a, steps_b]))
    width = upper.diff(prepend=upper.new_zeros(1))
    gap = (a[(upper - 1) // len(b)] - b[(upper - 1) // len(a)]).abs()
    return (gap * (width.double() / (len(a) * len(b))).to(gap.dtype)).sum()


def _mean_change(a: Tensor, b: Tensor, layer: str) -> Tensor:
    if a.numel() != b.numel():
        raise FiringError(
            f"layer {layer!r}: {a.numel()} units against {b.numel()} in the reference; drift matches neurons, so "
            "compare layers of the same shape (or use firing_emd)"
        )
    return (a - b).abs().mean()
