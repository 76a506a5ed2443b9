"""Layer by layer: where in the network the firing begins to differ."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from snnbench.functional.correlation import constant, rate_correlation
from snnbench.functional.emd import firing_drift, firing_emd
from snnbench.functional.layers import Units
from snnbench.functional.profile import FiringProfile
from snnbench.functional.rates import dead_fraction, newly_dead_fraction, revived_fraction, saturated_fraction
from snnbench.functional.temporal import temporal_drift
from snnbench.functional.uncertainty import noise_floor


@dataclass(frozen=True)
class LayerRow:
    """Behaviour of one layer; rates and distances in spikes per step, fractions of its neurons.

    `emd_floor` is the split-half noise floor of the reference's layer; `correlation` is None where it does not exist
    (all neurons of the layer have the same rate in one of the networks).
    """

    layer: str
    neurons: int
    rate: float
    reference_rate: float
    emd: float
    emd_floor: float
    drift: float
    temporal_drift: float
    correlation: float | None
    dead: float
    reference_dead: float
    newly_dead: float
    revived: float
    saturated: float

    @property
    def diverges(self) -> bool:
        """Whether the EMD is above its noise floor."""
        return self.emd > self.emd_floor


def layer_table(profile: FiringProfile, reference: FiringProfile) -> list[LayerRow]:
    """One row per layer, in network order.

    Raises:
        FiringError: naming the layer, if the networks' layers differ, or if samples are too few for a noise floor.
    """
    emds, drifts = firing_emd(profile, reference, "none"), firing_drift(profile, reference, "none")
    floors, over_time = noise_floor(reference, "none"), temporal_drift(profile, reference, "none")
    rates, reference_rates = profile.rates(), reference.rates()
    return [
        LayerRow(
            layer=name,
            neurons=rate.numel(),
            rate=float(rate.mean()),
            reference_rate=float(reference_rates[name].mean()),
            emd=float(emds[name]),
            emd_floor=float(floors[name]),
            drift=float(drifts[name]),
            temporal_drift=float(over_time[name]),
            correlation=_correlation(rate, reference_rates[name]),
            dead=float(dead_fraction(rate)),
            reference_dead=float(dead_fraction(reference_rates[name])),
            newly_dead=float(newly_dead_fraction(rate, reference_rates[name])),
            revived=float(revived_fraction(rate, reference_rates[name])),
            saturated=float(saturated_fraction(rate)),
        )
        for name, rate in rates.items()
    ]


def first_diverging_layer(profile: FiringProfile, reference: FiringProfile, units: Units = "neuron") -> str | None:
    """Name of the first layer, in network order, whose EMD is above its split-half noise floor; None if none is.

    Raises:
        FiringError: naming the layer, if the networks' layers differ, or if samples are too few for a noise floor.
    """
    emds, floors = firing_emd(profile, reference, "none", units), noise_floor(reference, "none", units)
    return next((name for name, emd in emds.items() if emd > floors[name]), None)


def _correlation(rates: Tensor, reference_rates: Tensor) -> float | None:
    undefined = constant(rates) or constant(reference_rates)
    return None if undefined else float(rate_correlation(rates, reference_rates))
