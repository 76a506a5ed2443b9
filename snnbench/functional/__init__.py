"""The ground floor: pure functions from tensors to tensors."""

from snnbench.functional.accuracy import McNemar, accuracy_change, mcnemar_test, wilson_interval
from snnbench.functional.counts import drift_from_counts, emd_from_counts, mean_rate_from_counts
from snnbench.functional.emd import firing_drift, firing_emd
from snnbench.functional.layers import Layers, Reduction, Units
from snnbench.functional.profile import SHARDS, FiringProfile, LayerFiring
from snnbench.functional.rates import (
    DEAD_BELOW,
    SATURATED_ABOVE,
    dead_fraction,
    firing_rate,
    newly_dead_fraction,
    revived_fraction,
    saturated_fraction,
    silent_fraction,
)
from snnbench.functional.spikes import check_spikes, count_by_shard, count_spikes, count_steps
from snnbench.functional.uncertainty import (
    CONFIDENCE,
    Estimate,
    estimate_dead,
    estimate_drift,
    estimate_emd,
    estimate_emd_difference,
    estimate_rate,
    estimate_rate_change,
    jackknife,
    noise_floor,
)

__all__ = [
    "CONFIDENCE",
    "DEAD_BELOW",
    "SATURATED_ABOVE",
    "SHARDS",
    "Estimate",
    "FiringProfile",
    "LayerFiring",
    "Layers",
    "McNemar",
    "Reduction",
    "Units",
    "accuracy_change",
    "check_spikes",
    "count_by_shard",
    "count_spikes",
    "count_steps",
    "dead_fraction",
    "drift_from_counts",
    "emd_from_counts",
    "estimate_dead",
    "estimate_drift",
    "estimate_emd",
    "estimate_emd_difference",
    "estimate_rate",
    "estimate_rate_change",
    "firing_drift",
    "firing_emd",
    "firing_rate",
    "jackknife",
    "mcnemar_test",
    "mean_rate_from_counts",
    "newly_dead_fraction",
    "noise_floor",
    "revived_fraction",
    "saturated_fraction",
    "silent_fraction",
    "wilson_interval",
]
