"""The checks that a batch of spikes must pass before any of it is counted."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from snnbench.errors import FiringError
from snnbench.functional.layers import Layers, as_layers, check_same_layers, pair_layers
from snnbench.functional.profile import FiringProfile


def same_batch(spikes: Layers) -> tuple[dict[str, Tensor], int, int]:
    """The batch's spikes by layer, its number of steps T and of samples N, the same in every layer."""
    layers = as_layers(spikes)
    first = next(iter(layers.values()))
    for name, tensor in layers.items():
        if tensor.ndim < 2 or tensor.shape[:2] != first.shape[:2]:
            raise FiringError(
                f"layer {name!r}: spikes have shape {tuple(tensor.shape)}, the first layer's {tuple(first.shape)}; "
                "every layer needs (T, N, *features) with the same T and N"
            )
    return layers, first.shape[0], first.shape[1]


def reference_layers(
    layers: Mapping[str, Tensor],
    timesteps: int,
    reference_spikes: Layers | None,
    stored: FiringProfile | None,
    needed: bool = True,
) -> dict[str, Tensor]:
    """The reference's spikes of the batch, checked against the network's; empty if it is stored or not needed."""
    if stored is not None:
        if reference_spikes is not None:
            raise FiringError("reference_spikes were given to a metric with a stored reference; pass one or the other")
        _check_fits_profile(layers, timesteps, stored)
        return {}
    if reference_spikes is not None:
        return same_shapes(layers, reference_spikes)
    if needed:
        raise FiringError(
            "no reference to compare with; pass reference_spikes, or make the metric with reference=profile"
        )
    return {}


def same_shapes(spikes: Layers, reference_spikes: Layers) -> dict[str, Tensor]:
    """The reference's spikes by layer, in the order of `spikes`, after checking that they have the same shapes."""
    pairs = pair_layers(spikes, reference_spikes)
    for name, (mine, theirs) in pairs.items():
        if mine.shape != theirs.shape:
            raise FiringError(
                f"layer {name!r}: spikes of shape {tuple(mine.shape)} against {tuple(theirs.shape)} in the reference; "
                "run both networks on the same samples for the same T"
            )
    return {name: theirs for name, (_, theirs) in pairs.items()}


def _check_fits_profile(layers: Mapping[str, Tensor], timesteps: int, profile: FiringProfile) -> None:
    check_same_layers(layers, profile.layers)
    for name, tensor in layers.items():
        stored = profile.layers[name]
        if tensor.shape[2:] != stored.features or timesteps != stored.timesteps:
            raise FiringError(
                f"layer {name!r}: spikes of {timesteps} steps and features {tuple(tensor.shape[2:])} against "
                f"{stored.timesteps} steps and {stored.features} in the reference profile"
            )


def stored_reference(reference: FiringProfile | None) -> FiringProfile | None:
    """The reference that a metric keeps, without what it does not need; a FiringError if it is no profile."""
    if reference is not None and not isinstance(reference, FiringProfile):
        raise FiringError(
            f"reference is a {type(reference).__name__}; pass a FiringProfile, as record_firing gives, "
            "or pass the reference's spikes to update"
        )
    return None if reference is None else reference.collapsed()
