"""The ground floor: pure functions from tensors to tensors."""

from snnbench.functional.accuracy import McNemar, accuracy_change, mcnemar_test, wilson_interval
from snnbench.functional.confidence import brier_score, expected_calibration_error, negative_log_likelihood
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
from snnbench.functional.emd_interval import emd_interval
from snnbench.functional.holm import holm
from snnbench.functional.layers import Layers, Reduction, Scalar, Units
from snnbench.functional.load import PeakLoad, beyond_limit, events_by_step, peak_load, state_bits
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
from snnbench.functional.steps import (
    EarlyExit,
    accuracy_by_step,
    agreeing_by_step,
    agreement_by_step,
    area_under_steps,
    correct_by_step,
    early_exit,
    exits,
)
from snnbench.functional.table import LayerRow, first_diverging_layer, layer_table
from snnbench.functional.temporal import temporal_drift, temporal_drift_from_counts
from snnbench.functional.trains import first_spike_latency, mean_shift, van_rossum_distance
from snnbench.functional.transport import profile_emd
from snnbench.functional.uncertainty import (
    CONFIDENCE,
    Estimate,
    jackknife,
    noise_floor,
    seed_floor,
)

__all__ = [
    "CONFIDENCE",
    "DEAD_BELOW",
    "SATURATED_ABOVE",
    "SHARDS",
    "EarlyExit",
    "Estimate",
    "FiringProfile",
    "LayerFiring",
    "LayerRow",
    "Layers",
    "McNemar",
    "OutputDivergence",
    "Paired",
    "PairedNull",
    "PeakLoad",
    "Reduction",
    "Scalar",
    "Units",
    "accuracy_by_step",
    "accuracy_change",
    "agreeing_by_step",
    "agreement_by_step",
    "area_under_steps",
    "beyond_limit",
    "brier_score",
    "check_spikes",
    "correct_by_step",
    "count_by_shard",
    "count_per_step",
    "count_spikes",
    "count_steps",
    "dead_fraction",
    "disagreement",
    "divergences",
    "drift_from_counts",
    "early_exit",
    "emd_from_counts",
    "emd_interval",
    "events_by_step",
    "exits",
    "expected_calibration_error",
    "firing_drift",
    "firing_emd",
    "firing_rate",
    "first_diverging_layer",
    "first_spike_latency",
    "flips",
    "holm",
    "jackknife",
    "layer_table",
    "mcnemar_test",
    "mean_rate_from_counts",
    "mean_shift",
    "negative_flips",
    "negative_log_likelihood",
    "newly_dead_fraction",
    "noise_floor",
    "output_divergence",
    "paired_null",
    "peak_load",
    "profile_emd",
    "rate_correlation",
    "revived_fraction",
    "saturated_fraction",
    "seed_floor",
    "silent_fraction",
    "spike_mismatch",
    "state_bits",
    "temporal_drift",
    "temporal_drift_from_counts",
    "van_rossum_distance",
    "wilson_interval",
]
