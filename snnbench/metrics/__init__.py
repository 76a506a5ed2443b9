"""torchmetrics classes over the functions of `snnbench.functional`."""

from snnbench.metrics.confidence import BrierScore, ExitSteps, LogLikelihood, StepAccuracy, StepAgreement
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
from snnbench.metrics.trains import PeakEvents, VanRossumDistance

__all__ = [
    "BrierScore",
    "DeadNeurons",
    "Disagreement",
    "ExitSteps",
    "FiringDrift",
    "FiringEMD",
    "FiringRate",
    "Flips",
    "LogLikelihood",
    "NegativeFlips",
    "NewlyDeadNeurons",
    "OutputKL",
    "PeakEvents",
    "ProfileEMD",
    "RevivedNeurons",
    "SaturatedNeurons",
    "SilentNeurons",
    "SpikeMismatch",
    "StepAccuracy",
    "StepAgreement",
    "TemporalDrift",
    "VanRossumDistance",
]
