"""Firing rates, and the fractions of dead and saturated units, from spikes or rates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias, overload

import torch
from torch import Tensor

from snnbench.functional.layers import Layers, as_layers, check_matched, check_rates, pair_layers
from snnbench.functional.profile import FiringProfile
from snnbench.functional.spikes import check_spikes

Rates: TypeAlias = Layers | FiringProfile
"""Firing rates of one layer, of several by name, or of a profile."""

DEAD_BELOW = 0.05
"""A unit with a lower rate, in spikes per step, is dead."""

SATURATED_ABOVE = 0.95
"""A unit with a higher rate, in spikes per step, is saturated."""


@overload
def firing_rate(spikes: Tensor) -> Tensor: ...
@overload
def firing_rate(spikes: Mapping[str, Tensor]) -> dict[str, Tensor]: ...
def firing_rate(spikes: Layers) -> Tensor | dict[str, Tensor]:
    """Firing rate of each neuron in spikes per step, `r_i = (1/(N T)) sum_{t,n} s[t,n,i]`, in [0, 1].

    Differentiable, so that a loss on rates reaches the weights through the neurons' surrogate gradient.

    Args:
        spikes: `(T, N, *features)` with values in {0, 1}, or a dict of layer name -> such a tensor.

    Returns:
        `(*features)`, or a dict of them; float64 for float64 spikes, else float32 (a rate needs more digits than
        half precision has).

    Raises:
        FiringError: naming the layer, if the values are not spikes.
    """
    rates = {name: _rate(tensor, name) for name, tensor in as_layers(spikes).items()}
    return next(iter(rates.values())) if isinstance(spikes, Tensor) else rates


def dead_fraction(rates: Rates, threshold: float = DEAD_BELOW) -> Tensor:
    """Fraction of all units whose rate is below `threshold`, in [0, 1]; not differentiable."""
    return _fraction(rates, lambda rate: rate < threshold)


def silent_fraction(rates: Rates) -> Tensor:
    """Fraction of all units that never fire, in [0, 1]."""
    return _fraction(rates, lambda rate: rate == 0)


def saturated_fraction(rates: Rates, threshold: float = SATURATED_ABOVE) -> Tensor:
    """Fraction of all units whose rate is above `threshold`, in [0, 1]."""
    return _fraction(rates, lambda rate: rate > threshold)


def newly_dead_fraction(rates: Rates, reference_rates: Rates, threshold: float = DEAD_BELOW) -> Tensor:
    """Fraction of all units that are dead and were not in the reference, in [0, 1].

    Law: `dead - dead in the reference = newly dead - revived`.

    Raises:
        FiringError: naming the layer, if layers or shapes differ or a tensor does not hold rates.
    """
    return _changed_fraction(rates, reference_rates, threshold)


def revived_fraction(rates: Rates, reference_rates: Rates, threshold: float = DEAD_BELOW) -> Tensor:
    """Fraction of all units that were dead in the reference and are not any more; errors as `newly_dead_fraction`."""
    return _changed_fraction(reference_rates, rates, threshold)


def rates_of(rates: Rates) -> dict[str, Tensor]:
    """Layer name -> firing rates, of any of the forms that the functions here accept."""
    return rates.rates() if isinstance(rates, FiringProfile) else as_layers(rates)


def _rate(spikes: Tensor, layer: str) -> Tensor:
    check_spikes(spikes, layer)
    dtype = torch.float64 if spikes.dtype == torch.float64 else torch.float32
    return spikes.mean((0, 1), dtype=dtype)


def _fraction(rates: Rates, condition: Callable[[Tensor], Tensor]) -> Tensor:
    flat = [condition(check_rates(rate, name)).flatten() for name, rate in rates_of(rates).items()]
    return torch.cat(flat).double().mean()


def _changed_fraction(dead: Rates, alive: Rates, threshold: float) -> Tensor:
    pairs = pair_layers(rates_of(dead), rates_of(alive))
    check_matched(pairs)
    changed = [
        ((check_rates(a, name) < threshold) & (check_rates(b, name) >= threshold)).flatten()
        for name, (a, b) in pairs.items()
    ]
    return torch.cat(changed).double().mean()
