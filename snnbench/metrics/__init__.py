"""torchmetrics classes over the functions of `snnbench.functional`."""

from snnbench.metrics.decisions import Disagreement, Flips, NegativeFlips, OutputKL
from snnbench.metrics.firing import (
    DeadNeurons,
    FiringDrift,
    FiringEMD,
    FiringRate,
    NewlyDeadNeurons,
    RevivedNeurons,
    SaturatedNeurons,
    SilentNeurons,
)
from snnbench.metrics.mismatch import SpikeMismatch
from snnbench.metrics.temporal import ProfileEMD, TemporalDrift

__all__ = [
    "DeadNeurons",
    "Disagreement",
    "FiringDrift",
    "FiringEMD",
    "FiringRate",
    "Flips",
    "NegativeFlips",
    "NewlyDeadNeurons",
    "OutputKL",
    "ProfileEMD",
    "RevivedNeurons",
    "SaturatedNeurons",
    "SilentNeurons",
    "SpikeMismatch",
    "TemporalDrift",
]
