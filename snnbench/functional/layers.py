"""Per-layer values: pairing the layers of two networks, and reducing over layers."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

from snnbench.errors import FiringError

Layers: TypeAlias = Tensor | Mapping[str, Tensor]
"""One layer's tensor, or layer name -> tensor."""

Reduction = Literal["weighted", "mean", "max", "pooled", "none"]
"""Over layers: mean weighted by units (headline), plain mean, max, all units as one layer, or a dict per layer.

Functions that take it have two overloads: without them, whoever wants one number gets a union, and has to cast it.
"""

Scalar = Literal["weighted", "mean", "max", "pooled"]
"""The reductions that give one number."""

Units = Literal["neuron", "channel"]
"""What a rate belongs to: one neuron, or one channel (mean over the feature dimensions after the first)."""

REDUCTIONS: tuple[str, ...] = get_args(Reduction)

ONLY_LAYER = "spikes"
"""Name that a bare tensor's layer has in messages and results."""


def as_layers(tensors: Layers) -> dict[str, Tensor]:
    """Layer name -> tensor; a bare tensor becomes the layer `spikes`."""
    if not isinstance(tensors, Tensor | Mapping):
        raise FiringError(
            f"a {type(tensors).__name__} was given; pass a tensor (T, N, *features), of a list of steps "
            "torch.stack(list), or a dict of layer name -> such a tensor"
        )
    layers = {ONLY_LAYER: tensors} if isinstance(tensors, Tensor) else dict(tensors)
    if not layers:
        raise FiringError("no layer was given; pass a tensor or a dict of layer name -> tensor with at least one layer")
    return layers


def pair_layers(tensors: Layers, reference: Layers) -> dict[str, tuple[Tensor, Tensor]]:
    """Match the layers of two networks by name, in the order of the first.

    Raises:
        FiringError: naming the layers that only one of the two has.
    """
    mine, theirs = as_layers(tensors), as_layers(reference)
    check_same_layers(mine, theirs)
    return {name: (mine[name], theirs[name]) for name in mine}


def check_same_layers(mine: Mapping[str, object], theirs: Mapping[str, object]) -> None:
    """Raise a FiringError naming the layers that only one of the two has."""
    if lone := [name for name in (*mine, *theirs) if (name in mine) != (name in theirs)]:
        raise FiringError(
            f"layer {lone[0]!r} is only in {'the network' if lone[0] in mine else 'the reference'}"
            f"{f', and {len(lone) - 1} more are in one of the two' if lone[1:] else ''}"
            "; compare networks of the same layers"
        )


def check_matched(pairs: Mapping[str, tuple[Tensor, Tensor]]) -> None:
    """Raise a FiringError naming the first layer whose units cannot be matched one by one."""
    for name, (a, b) in pairs.items():
        if a.shape != b.shape:
            raise FiringError(
                f"layer {name!r}: {tuple(a.shape)} units against {tuple(b.shape)} in the reference; units are matched "
                "here, so compare layers of the same shape (or use firing_emd)"
            )


def check_rates(rates: Tensor, layer: str) -> Tensor:
    """Return `rates`, after checking that they are floating point, not empty, and in [0, 1] spikes per step."""
    if not rates.is_floating_point() or rates.numel() == 0:
        raise FiringError(
            f"layer {layer!r}: rates are a non-empty floating-point tensor, got {tuple(rates.shape)} {rates.dtype}; "
            "take them from firing_rate(spikes)"
        )
    low, high = rates.detach().aminmax()
    slack = torch.finfo(rates.dtype).eps
    if not (low >= -slack and high <= 1 + slack):
        raise FiringError(
            f"layer {layer!r}: rates lie between {low.item():g} and {high.item():g}; they are spikes per step, in "
            "[0, 1]: take them from firing_rate(spikes)"
        )
    return rates


def reduce_layers(values: Mapping[str, Tensor], units: Mapping[str, int], reduction: Reduction) -> Tensor:
    """One number from the layers' values, differentiable; for per-unit means `pooled` is the same as `weighted`."""
    stacked = torch.stack(list(values.values()))
    if reduction == "mean":
        return stacked.mean()
    if reduction == "max":
        return stacked.max()
    total = sum(units[name] for name in values)
    weights = torch.tensor([units[name] / total for name in values], dtype=stacked.dtype, device=stacked.device)
    return (weights * stacked).sum()


def reduce_fractions(values: Mapping[str, Fraction], units: Mapping[str, int], reduction: Reduction) -> Fraction:
    """`reduce_layers` in exact arithmetic."""
    if reduction == "max":
        return max(values.values())
    weights = {name: 1 if reduction == "mean" else units[name] for name in values}
    return sum((weights[name] * value for name, value in values.items()), Fraction(0)) / sum(weights.values())


def channel_mean(rates: Tensor) -> Tensor:
    """Mean over the feature dimensions after the first: `(C, ...)` -> `(C,)`; without them, unchanged."""
    return rates.flatten(1).mean(1) if rates.ndim > 1 else rates


def check_units(units: str) -> None:
    """Raise a FiringError if `units` is neither neuron nor channel."""
    check_choice(units, get_args(Units), "units")


def check_choice(value: str, choices: tuple[str, ...], what: str) -> None:
    """Raise a FiringError that quotes `value` and lists what it may be."""
    if value not in choices:
        raise FiringError(f"{what} {value!r} is unknown; choose one of {', '.join(choices)}")
