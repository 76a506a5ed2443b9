"""Spike by spike: how many spikes differ when both networks see the same image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

from torch import Tensor

from snnbench.errors import FiringError
from snnbench.functional.counts import reduced
from snnbench.functional.layers import REDUCTIONS, Layers, Reduction, check_choice, pair_layers
from snnbench.functional.spikes import count_differing

Per = Literal["place", "spike"]
"""Out of all places (step, sample, neuron), or out of the places where at least one network fires."""

PER: tuple[str, ...] = get_args(Per)


@dataclass(frozen=True)
class Mismatch:
    """Counts of one layer: places (step, sample, neuron) that differ, where either network fires, and all."""

    differing: int
    fired: int
    places: int


def count_mismatch(spikes: Tensor, reference_spikes: Tensor, layer: str) -> Mismatch:
    """Compare two spike tensors `(T, N, *features)` of the same samples.

    Raises:
        FiringError: naming the layer, if the tensors are not spikes or their shapes differ.
    """
    if spikes.shape != reference_spikes.shape:
        raise FiringError(
            f"layer {layer!r}: spikes of shape {tuple(spikes.shape)} against {tuple(reference_spikes.shape)} in the "
            "reference; run both networks on the same samples for the same T"
        )
    return Mismatch(*count_differing(spikes, reference_spikes, layer), spikes.numel())


def spike_mismatch(
    spikes: Layers, reference_spikes: Layers, reduction: Reduction = "weighted", per: Per = "place"
) -> float | dict[str, float]:
    """Fraction of spikes that differ between two networks on the same samples, in [0, 1], layer by layer.

    Two networks can have a firing EMD and drift of 0 and differ in every spike: this sees it.
    Law: `firing_drift <= spike_mismatch` in every layer, for either `per`.

    Args:
        spikes: `(T, N, *features)` with values in {0, 1}, or layer name -> such a tensor.
        reference_spikes: the same for the reference, of equal shapes, on the same samples.
        reduction: over layers, as in `firing_emd`, weighted by the layer's neurons; `pooled` takes all layers as one.
        per: `place` counts out of all T N neurons places, so that it cannot exceed the two rates' sum; `spike` out of
            those where at least one of the networks fires, so that 1 means that no spike is shared. A layer in which
            neither fires has no spike that differs: 0.

    Raises:
        FiringError: naming the layer, if layers or shapes differ or the values are not spikes.
    """
    pairs = pair_layers(spikes, reference_spikes)
    return reduce_mismatch({name: count_mismatch(a, b, name) for name, (a, b) in pairs.items()}, reduction, per)


def reduce_mismatch(counts: Mapping[str, Mismatch], reduction: Reduction, per: Per) -> float | dict[str, float]:
    """`spike_mismatch` from the counts of each layer, exact."""
    check_choice(reduction, REDUCTIONS, "reduction")
    check_choice(per, PER, "per")
    if reduction == "pooled":
        layers = counts.values()
        whole = Mismatch(*(sum(getattr(c, field) for c in layers) for field in ("differing", "fired", "places")))
        return float(_fraction(whole, per))
    values = {name: _fraction(count, per) for name, count in counts.items()}
    return reduced(values, {name: count.places for name, count in counts.items()}, reduction)


def _fraction(count: Mismatch, per: Per) -> Fraction:
    out_of = count.places if per == "place" else count.fired
    return Fraction(count.differing, out_of) if out_of else Fraction(0)
