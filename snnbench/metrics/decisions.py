"""Metrics of what a network decides, compared with its reference."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat

from snnbench.errors import FiringError
from snnbench.functional.decisions import disagreeing, divergences, flipped, summarize_divergences
from snnbench.metrics.base import BehaviourMetric


class _Fraction(BehaviourMetric):
    """Base: fraction of samples for which something holds."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # Named by the class: a MetricCollection takes metrics of equal states for the same metric.
        self._holding, self._samples = (f"{type(self).__name__.lower()}_{what}" for what in ("holding", "samples"))
        for state in (self._holding, self._samples):
            self.add_state(state, torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def compute(self) -> Tensor:
        """Fraction over all batches, float64; a FiringError if there was none."""
        holding, samples = int(getattr(self, self._holding)), int(getattr(self, self._samples))
        if samples == 0:
            raise FiringError(f"{type(self).__name__} has seen no outputs; call update before compute")
        return torch.tensor(holding / samples, dtype=torch.float64, device=self.device)

    def _add(self, holds: Tensor) -> None:
        setattr(self, self._holding, getattr(self, self._holding) + holds.sum().to(self.device))
        setattr(self, self._samples, getattr(self, self._samples) + len(holds))


class Disagreement(_Fraction):
    """Fraction of samples that a network and its reference classify differently, in [0, 1].

    `snnbench.functional.disagreement` over all batches. Takes the keyword arguments of `torchmetrics.Metric`.
    """

    def update(self, logits: Tensor, reference_logits: Tensor) -> None:
        """Count a batch of outputs `(N, classes)` of both networks; a FiringError if they do not fit."""
        self._add(disagreeing(logits, reference_logits))


class Flips(_Fraction):
    """Fraction of samples whose answer went from right to wrong or from wrong to right, in [0, 1].

    `snnbench.functional.flips` over all batches. Takes the keyword arguments of `torchmetrics.Metric`.
    """

    def update(self, logits: Tensor, reference_logits: Tensor, labels: Tensor) -> None:
        """Count a batch of outputs `(N, classes)` and right classes `(N,)`; a FiringError if they do not fit."""
        lost, gained = flipped(logits, reference_logits, labels)
        self._add(lost | gained)


class NegativeFlips(_Fraction):
    """Fraction of samples whose answer went from right to wrong, in [0, 1].

    `snnbench.functional.negative_flips` over all batches. Takes the keyword arguments of `torchmetrics.Metric`.
    """

    def update(self, logits: Tensor, reference_logits: Tensor, labels: Tensor) -> None:
        """Count a batch of outputs `(N, classes)` and right classes `(N,)`; a FiringError if they do not fit."""
        lost, _ = flipped(logits, reference_logits, labels)
        self._add(lost)


class OutputKL(BehaviourMetric):
    """Kullback-Leibler divergence KL(reference || network) of the softmax outputs over the samples, in nats.

    `snnbench.functional.output_divergence` over all batches: mean, median, 99th percentile and maximum, each at least
    0. Keeps one number per sample. Takes the keyword arguments of `torchmetrics.Metric`.
    """

    plot_upper_bound: float | None = None

    divergences: list[Tensor]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("divergences", [], dist_reduce_fx="cat")

    def update(self, logits: Tensor, reference_logits: Tensor) -> None:
        """Add a batch of outputs `(N, classes)` of both networks; a FiringError if they do not fit."""
        self.divergences.append(divergences(logits, reference_logits).to(self.device))

    def compute(self) -> dict[str, Tensor]:
        """`kl_mean`, `kl_median`, `kl_p99` and `kl_max` in nats, float64; a FiringError if there was no batch."""
        values = dim_zero_cat(self.divergences) if len(self.divergences) else torch.zeros(0)
        if len(values) == 0:
            raise FiringError("OutputKL has seen no outputs; call update before compute")
        summary = summarize_divergences(values)
        return {f"kl_{name}": values.new_tensor(value) for name, value in vars(summary).items()}
