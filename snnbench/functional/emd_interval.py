"""The interval of an EMD: by the jackknife where it is large, and by inverting a test where it is near its null."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from snnbench.functional.emd import firing_emd
from snnbench.functional.layers import Scalar
from snnbench.functional.paired import Floats, Paired
from snnbench.functional.profile import FiringProfile
from snnbench.functional.uncertainty import CONFIDENCE, Estimate, filled, jackknife_spread

INTERVALS = 2
"""Version of how intervals of EMD are computed; records name it. Those of version 1 had lower ends that reached too far
down near the null."""

_TAIL = (1 - CONFIDENCE) / 2


def emd_interval(paired: Paired, reduction: Scalar = "weighted", layers: Collection[str] | None = None) -> Estimate:
    """`firing_emd` of two networks (over all `layers`), with the 95 % interval of the true EMD.

    Noise only ever adds to a distance, so that near its null an EMD is measured too large. `Paired.shifted` says what
    would be measured if the true EMD were another: those for which the measured one is no surprise are the interval.
    The measured EMD is always inside, so that near the null the upper end can miss nothing, and the lower end takes its
    chance of missing. Far from the null the upper end of that interval is a little too low; it reaches from the median
    at least as far as the jackknife says.

    Measured coverage: docs/uncertainty.md.

    Raises:
        FiringError: if fewer than two shards have samples.
    """
    sizes = paired.reference.samples_per_shard
    sizes = sizes[filled(paired.reference)]
    mine, theirs = (only(each, layers) for each in (paired.profile, paired.reference))
    value = float(firing_emd(mine, theirs, reduction))
    _, reach = jackknife_spread(value, paired.without_shards(reduction, layers), sizes.double().numpy())
    true, noisy = paired.shifted(reduction, layers)
    middle, high = (_true_emd(value, true, _quantiles(noisy, at)) for at in (0.5, _TAIL))
    low = _true_emd(value, true, _quantiles(noisy, 1 - 2 * _TAIL + _missed_above(true, noisy)))
    return Estimate(value, min(low, value), max(min(max(high, middle + reach), 1.0), value))


def _missed_above(true: Floats, noisy: Floats) -> Floats:
    """How often the upper end misses each true EMD: where it is above the measured one, up to the tail's share."""
    missed: Floats = np.minimum((noisy < true[:, None]).mean(1), _TAIL)
    return missed


def _quantiles(noisy: Floats, at: float | Floats) -> Floats:
    """A quantile of each row, (rows,)."""
    return np.array([np.quantile(row, q) for row, q in zip(noisy, np.broadcast_to(at, len(noisy)), strict=True)])


def _true_emd(value: float, true: Floats, measured: Floats) -> float:
    """The true EMD for which `value` is measured; 0 if that is less than is measured of equal networks."""
    rising = np.maximum.accumulate(measured)
    return 0.0 if value <= rising[0] else float(np.interp(value, rising, true))


def only(profile: FiringProfile, layers: Collection[str] | None) -> FiringProfile:
    """The profile of some of the layers; of all of them without `layers`."""
    return FiringProfile({name: each for name, each in profile.layers.items() if layers is None or name in layers})
