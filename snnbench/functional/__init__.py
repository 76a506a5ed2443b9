"""The ground floor: pure functions from tensors to tensors."""

from snnbench.functional.emd import firing_drift, firing_emd
from snnbench.functional.profile import SHARDS, FiringProfile, LayerFiring, Units
from snnbench.functional.rates import (
    dead_fraction,
    firing_rate,
    newly_dead_fraction,
    revived_fraction,
    saturated_fraction,
    silent_fraction,
)
from snnbench.functional.spikes import check_spikes, count_by_shard, count_spikes, count_steps

__all__ = [
    "SHARDS",
    "FiringProfile",
    "LayerFiring",
    "Units",
    "check_spikes",
    "count_by_shard",
    "count_spikes",
    "count_steps",
    "dead_fraction",
    "firing_drift",
    "firing_emd",
    "firing_rate",
    "newly_dead_fraction",
    "revived_fraction",
    "saturated_fraction",
    "silent_fraction",
]
