"""Spikes that are more than 0 and 1: bursts of several in a step, signed (ternary) and graded ones."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from snnbench.errors import FiringError
from snnbench.functional.spikes import check_spikes


@dataclass(frozen=True)
class SpikeKind:
    """What the outputs of a layer mean.

    Attributes:
        most: largest number of spikes that a neuron sends in one step.
        signed: whether spikes may be negative.
        unit: value of one spike; a graded output is a whole number of units.

    Raises:
        FiringError: unless `most` is at least 1 and `unit` above 0.
    """

    most: int = 1
    signed: bool = False
    unit: float = 1.0

    def __post_init__(self) -> None:
        if self.most < 1 or not self.unit > 0:
            raise FiringError(f"{self} is no kind of spikes: most is at least 1, and unit above 0")

    @property
    def is_binary(self) -> bool:
        """Whether spikes are 0 and 1."""
        return self == SpikeKind()

    def counts(self, values: Tensor, layer: str) -> Tensor:
        """Number of spikes, with their sign, of each output `(T, N, *features)`: whole numbers of the same shape.

        Raises:
            FiringError: naming `layer` and the value, if one is not what this kind allows.
        """
        if self.is_binary:
            check_spikes(values, layer)
            return values
        found = values / self.unit
        counts = found.round()
        low = -self.most if self.signed else 0
        wrong = values[((found - counts).abs() > 1e-4) | (counts < low) | (counts > self.most)]
        if wrong.numel():
            raise FiringError(
                f"layer {layer!r}: spikes hold the value {wrong[0].item():.6g}; {self} allows whole numbers of units "
                f"from {low} to {self.most}"
            )
        return counts


BINARY = SpikeKind()


def unfold_spikes(counts: Tensor, most: int, signed: bool = False) -> Tensor:
    """The same spikes as zeros and ones, so that everything that counts firing applies.

    A step becomes `most` substeps, of which the first k have a spike where there were k in the step. Of signed spikes
    there are two neurons for each, one for positive and one for negative spikes, in a new first dimension of features.
    Rates and distances are then in spikes per substep; times `most` they are in spikes per step, where rates lie in
    [0, most] and `firing_emd` too.

    Args:
        counts: `(T, N, *features)`, whole numbers up to `most`, negative only if `signed`.
        most: the largest of them.
        signed: whether to tell the signs apart.

    Returns:
        `(T * most, N, *features)`, or `(T * most, N, 2, *features)`.
    """
    parts = torch.stack([counts.clamp(min=0), (-counts).clamp(min=0)], 2) if signed else counts
    levels = torch.arange(1, most + 1, device=counts.device).reshape(1, most, *[1] * (parts.ndim - 1))
    return (parts.unsqueeze(1) >= levels).flatten(0, 1).to(torch.float32)
