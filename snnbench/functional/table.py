"""Layer by layer: where in the network the firing begins to differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from snnbench.functional.correlation import constant, rate_correlation
from snnbench.functional.emd import firing_drift, firing_emd
from snnbench.functional.holm import holm
from snnbench.functional.paired import Paired
from snnbench.functional.profile import FiringProfile
from snnbench.functional.rates import (
    DEAD_BELOW,
    dead_fraction,
    newly_dead_fraction,
    revived_fraction,
    saturated_fraction,
)
from snnbench.functional.temporal import temporal_drift
from snnbench.functional.uncertainty import CONFIDENCE

_SHOWN = ("neurons", "rate", "reference_rate", "emd", "null_emd", "p_value", "drift", "dead")


@dataclass(frozen=True)
class LayerRow:
    """Behaviour of one layer; rates and distances in spikes per step, fractions of its neurons.

    `null_emd` is the EMD that 95 % of random swaps between the networks stay below, and `p_value` that of "the layer
    fires alike", corrected for the number of layers (Holm); see `Paired`. `correlation` is None where it does not exist
    (all neurons of the layer have the same rate in one of the networks).
    """

    layer: str
    neurons: int
    rate: float
    reference_rate: float
    emd: float
    null_emd: float
    p_value: float
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
        """Whether the layer can be told from the reference's."""
        return self.p_value < 1 - CONFIDENCE


class LayerRows(list[LayerRow]):
    """Rows of a network's layers, which print as a table of text."""

    def __repr__(self) -> str:
        width = max([len("layer"), *(len(row.layer) for row in self)])
        columns = {name: max(len(name), 8) for name in _SHOWN}
        head = "".join(f"  {name:>{size}}" for name, size in columns.items())
        lines = [f"{'layer':<{width}}{head}"]
        for row in self:
            numbers = "".join(f"  {getattr(row, name):>{size}.4g}" for name, size in columns.items())
            lines.append(f"{row.layer:<{width}}{numbers}{' <' if row.diverges else ''}")
        return "\n".join(lines)


def layer_table(
    profile: FiringProfile, reference: FiringProfile, paired: Paired | None = None, dead_below: float = DEAD_BELOW
) -> LayerRows:
    """One row per layer, in network order; `paired` is `Paired(profile, reference)`, where there is one already.

    Neurons with a rate below `dead_below`, in spikes per step of the profiles, are dead.

    Raises:
        FiringError: naming the layer, if the networks' layers differ, or if they saw different samples.
    """
    emds, drifts = firing_emd(profile, reference, "none"), firing_drift(profile, reference, "none")
    nulls, over_time = (paired or Paired(profile, reference)).layer_nulls(), temporal_drift(profile, reference, "none")
    corrected = dict(zip(nulls, holm(np.array([null.p_value for null in nulls.values()])), strict=True))
    rates, reference_rates = profile.rates(), reference.rates()
    return LayerRows(
        LayerRow(
            layer=name,
            neurons=rate.numel(),
            rate=float(rate.mean()),
            reference_rate=float(reference_rates[name].mean()),
            emd=float(emds[name]),
            null_emd=nulls[name].high,
            p_value=float(corrected[name]),
            drift=float(drifts[name]),
            temporal_drift=float(over_time[name]),
            correlation=_correlation(rate, reference_rates[name]),
            dead=float(dead_fraction(rate, dead_below)),
            reference_dead=float(dead_fraction(reference_rates[name], dead_below)),
            newly_dead=float(newly_dead_fraction(rate, reference_rates[name], dead_below)),
            revived=float(revived_fraction(rate, reference_rates[name], dead_below)),
            saturated=float(saturated_fraction(rate)),
        )
        for name, rate in rates.items()
    )


def first_diverging_layer(profile: FiringProfile, reference: FiringProfile) -> str | None:
    """Name of the first layer, in network order, that can be told from the reference's; None if none can.

    Raises:
        FiringError: as `layer_table`.
    """
    return next((row.layer for row in layer_table(profile, reference) if row.diverges), None)


def _correlation(rates: Tensor, reference_rates: Tensor) -> float | None:
    undefined = constant(rates) or constant(reference_rates)
    return None if undefined else float(rate_correlation(rates, reference_rates))
