"""Distance between two networks' layers over time: how the spikes of a layer are spread over the T steps."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, overload

import torch
from torch import Tensor

from snnbench.errors import FiringError
from snnbench.functional.counts import Trials, reduced, trials_by_layer
from snnbench.functional.layers import Layers, Reduction, Scalar, pair_layers
from snnbench.functional.profile import FiringProfile


@overload
def temporal_drift(profile: FiringProfile, reference: FiringProfile, reduction: Scalar = "weighted") -> Tensor: ...
@overload
def temporal_drift(
    profile: FiringProfile, reference: FiringProfile, reduction: Literal["none"]
) -> dict[str, Tensor]: ...
def temporal_drift(
    profile: FiringProfile, reference: FiringProfile, reduction: Reduction = "weighted"
) -> Tensor | dict[str, Tensor]:
    """Mean over the steps of the change of a layer's mean rate, `(1/T) sum_t |m_t - m'_t|`, in [0, 1] spikes per step.

    `m_t` is the mean over the layer's neurons and the samples of the spikes at step t. It sees firing that moves to
    other steps, to which `firing_emd` and `firing_drift` are blind; it is blind to changes between neurons.
    Law: `|mean r - mean r'| <= temporal_drift` in every layer.

    Args:
        profile: firing of the network.
        reference: firing of the reference, of the same layers and T.
        reduction: over layers, as in `firing_emd`; weighted by the layer's neurons.

    Raises:
        FiringError: naming the layer, if layers or T differ.
    """
    mine, theirs = ((each.step_counts(), each.step_places()) for each in (profile, reference))
    value = temporal_drift_from_counts(*mine, *theirs, reduction=reduction)
    if isinstance(value, dict):
        return {name: torch.tensor(each, dtype=torch.float64) for name, each in value.items()}
    return torch.tensor(value, dtype=torch.float64)


def temporal_drift_from_counts(
    steps: Layers, places: Trials, reference_steps: Layers, reference_places: Trials, reduction: Reduction = "weighted"
) -> float | dict[str, float]:
    """`temporal_drift`, exact, from integer counts.

    Args:
        steps: spikes of the whole layer at each step: int64 `(T,)`, or layer name -> such a tensor.
        places: largest possible number of them, samples times neurons, for all layers or by layer.
        reference_steps: the same for the reference.
        reference_places: the same for the reference.
        reduction: over layers, as in `firing_emd`; weighted by `places`.

    Raises:
        FiringError: naming the layer, if layers or T differ.
    """
    pairs = pair_layers(steps, reference_steps)
    mine, theirs = trials_by_layer(places, pairs), trials_by_layer(reference_places, pairs)
    values = {name: _change(name, a, mine[name], b, theirs[name]) for name, (a, b) in pairs.items()}
    return reduced(values, mine, reduction)


def _change(layer: str, steps: Tensor, places: int, reference: Tensor, reference_places: int) -> Fraction:
    if steps.shape != reference.shape or steps.ndim != 1 or len(steps) == 0:
        raise FiringError(
            f"layer {layer!r}: {tuple(steps.shape)} time steps against {tuple(reference.shape)} in the reference; "
            "compare networks of the same T"
        )
    pairs = zip(steps.tolist(), reference.tolist(), strict=True)
    return sum((abs(Fraction(a, places) - Fraction(b, reference_places)) for a, b in pairs), Fraction(0)) / len(steps)
