"""How far another processor, or other versions, may move what is measured: as far as was seen, and no farther."""

from __future__ import annotations

PREDICTION_TOLERANCE = 0.0005
"""Fraction of images that may be classified otherwise; 0.0001 was seen."""

DRIFT_TOLERANCE = 0.00002
"""Firing drift in spikes per step."""

# Operations follow spikes: a drift of 0.00002 is 0.04 % of the spikes of a network that fires at a rate of 0.05.
OPERATIONS_TOLERANCE = 0.0004
"""Difference of a layer's synaptic operations, as a fraction of those of all layers, that goes with such a drift."""
