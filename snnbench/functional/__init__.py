"""The ground floor: pure functions from tensors to tensors."""

from snnbench.functional.accuracy import McNemar, accuracy_change, mcnemar_test, wilson_interval
from snnbench.functional.correlation import rate_correlation
from snnbench.functional.counts import drift_from_counts, emd_from_counts, mean_rate_from_counts
from snnbench.functional.decisions import (
    OutputDivergence,
    disagreement,
    divergences,
    flips,
    negative_flips,
    output_divergence,
)
from snnbench.functional.emd import firing_drift, firing_emd
from snnbench.functional.emd_interval import emd_interval, estimate_emd
from snnbench.functional.holm import holm
from snnbench.functional.layers import Layers, Reduction, Scalar, Units
from snnbench.functional.mismatch import spike_mismatch
from snnbench.functional.paired import Paired, PairedNull, paired_null
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
from snnbench.functional.spikes import check_spikes, count_by_shard, count_per_step, count_spikes, count_steps
from snnbench.functional.table import LayerRow, first_diverging_layer, layer_table
from snnbench.functional.temporal import temporal_drift, temporal_drift_from_counts
from snnbench.functional.transport import profile_emd
from snnbench.functional.uncertainty import (
    CONFIDENCE,
    Estimate,
    estimate_dead,
    estimate_drift,
    estimate_emd_difference,
    estimate_rate,
    estimate_rate_change,
    jackknife,
    noise_floor,
    seed_floor,
)

__all__ = [
    "CONFIDENCE",
    "DEAD_BELOW",
    "SATURATED_ABOVE",
    "SHARDS",
    "Estimate",
    "FiringProfile",
    "LayerFiring",
    "LayerRow",
    "Layers",
    "McNemar",
    "OutputDivergence",
    "Paired",
    "PairedNull",
    "Reduction",
    "Scalar",
    "Units",
    "accuracy_change",
    "check_spikes",
    "count_by_shard",
    "count_per_step",
    "count_spikes",
    "count_steps",
    "dead_fraction",
    "disagreement",
    "divergences",
    "drift_from_counts",
    "emd_from_counts",
    "emd_interval",
    "estimate_dead",
    "estimate_drift",
    "estimate_emd",
    "estimate_emd_difference",
    "estimate_rate",
    "estimate_rate_change",
    "firing_drift",
    "firing_emd",
    "firing_rate",
    "first_diverging_layer",
    "flips",
    "holm",
    "jackknife",
    "layer_table",
    "mcnemar_test",
    "mean_rate_from_counts",
    "negative_flips",
    "newly_dead_fraction",
    "noise_floor",
    "output_divergence",
    "paired_null",
    "profile_emd",
    "rate_correlation",
    "revived_fraction",
    "saturated_fraction",
    "seed_floor",
    "silent_fraction",
    "spike_mismatch",
    "temporal_drift",
    "temporal_drift_from_counts",
    "wilson_interval",
]
