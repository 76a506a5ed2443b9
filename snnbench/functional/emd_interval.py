"""The interval of an EMD: by the jackknife where it is large, and by inverting a test where it is near its null."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from snnbench.functional.emd import firing_emd
from snnbench.functional.layers import Scalar
from snnbench.functional.paired import Floats, Paired
from snnbench.functional.profile import FiringProfile
from snnbench.functional.uncertainty import CONFIDENCE, Estimate, filled, jackknife_spread

_TAIL = (1 - CONFIDENCE) / 2


def emd_interval(paired: Paired, reduction: Scalar = "weighted", layers: Collection[str] | None = None) -> Estimate:
    """`firing_emd` of two networks (over all `layers`), with the 95 % interval of the true EMD.

    Noise only ever adds to a distance, so that near its null an EMD is measured too large. `Paired.shifted` says what
    would be measured if the true EMD were another: those for which the measured one is no surprise are the interval.
    Far from the null that interval is a little too narrow; so it is joined with the one that reaches from their median
    as far as the jackknife says. The measured EMD is always inside. Where that moves the upper end, which can then
    miss nothing, the lower end takes its chance of missing.

    Measured coverage: docs/uncertainty.md.

    Raises:
        FiringError: if fewer than two shards have samples.
    """
    sizes = paired.reference.samples_per_shard
    sizes = sizes[filled(paired.reference)]
    mine, theirs = (_restricted(each, layers) for each in (paired.profile, paired.reference))
    value = float(firing_emd(mine, theirs, reduction))
    _, reach = jackknife_spread(value, paired.without_shards(reduction, layers), sizes.double().numpy())
    true, noisy = paired.shifted(reduction, layers)
    low, middle, high = (_true_emd(value, true, noisy, at) for at in (1 - _TAIL, 0.5, _TAIL))
    low, high = min(low, middle - reach), max(high, middle + reach)
    if high < value:
        low, high = _true_emd(value, true, noisy, 1 - 2 * _TAIL), value
    return Estimate(value, min(max(low, 0.0), value), min(high, 1.0))


def _true_emd(value: float, true: Floats, noisy: Floats, quantile: float) -> float:
    """The true EMD at which `value` is that quantile of what is measured; 0 if it is below it even there."""
    measured = np.maximum.accumulate(np.quantile(noisy, quantile, axis=1))
    return 0.0 if value <= measured[0] else float(np.interp(value, measured, true))


def _restricted(profile: FiringProfile, layers: Collection[str] | None) -> FiringProfile:
    return FiringProfile({name: each for name, each in profile.layers.items() if layers is None or name in layers})
