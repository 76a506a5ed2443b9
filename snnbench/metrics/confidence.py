"""Metrics of confidence and of decisions over time."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from snnbench.errors import FiringError
from snnbench.functional.confidence import brier_scores, log_likelihoods
from snnbench.functional.steps import correct_by_step, decisions_by_step, exit_steps
from snnbench.metrics.mean import SampleMean


class BrierScore(SampleMean):
    """`snnbench.functional.brier_score` over all batches, in [0, 2]. Takes the keyword arguments of
    `torchmetrics.Metric`."""

    plot_upper_bound: float | None = 2.0

    def update(self, logits: Tensor, labels: Tensor) -> None:
        """Add a batch of outputs `(N, classes)` and right classes `(N,)`; a FiringError if they do not fit."""
        self._add(brier_scores(logits, labels))


class LogLikelihood(SampleMean):
    """`snnbench.functional.negative_log_likelihood` over all batches, in nats. Takes the keyword arguments of
    `torchmetrics.Metric`."""

    plot_upper_bound: float | None = None

    def update(self, logits: Tensor, labels: Tensor) -> None:
        """Add a batch of outputs `(N, classes)` and right classes `(N,)`; a FiringError if they do not fit."""
        self._add(log_likelihoods(logits, labels))


class StepAccuracy(SampleMean):
    """Accuracy after each step, `(T,)`: `snnbench.functional.accuracy_by_step` over all batches. Takes the keyword
    arguments of `torchmetrics.Metric`."""

    higher_is_better: bool | None = True

    def update(self, step_logits: Tensor, labels: Tensor) -> None:
        """Add a batch of outputs at each step `(T, N, classes)` and right classes `(N,)`, which must fit."""
        self._add(correct_by_step(step_logits, labels).T)


class StepAgreement(SampleMean):
    """Agreement with the reference after each step, `(T,)`: `snnbench.functional.agreement_by_step` over all batches.
    Takes the keyword arguments of `torchmetrics.Metric`."""

    higher_is_better: bool | None = True

    def update(self, step_logits: Tensor, reference_step_logits: Tensor) -> None:
        """Add a batch of outputs at each step `(T, N, classes)` of both networks."""
        if step_logits.shape != reference_step_logits.shape:
            raise FiringError("step outputs of both networks must have one shape (T, N, classes)")
        self._add((decisions_by_step(step_logits) == decisions_by_step(reference_step_logits)).T)


class ExitSteps(SampleMean):
    """Mean number of steps until a network is sure, in 1..T: `snnbench.functional.early_exit` over all batches.

    Args:
        confidence: the softmax probability that ends a sample, in (0, 1].
        kwargs: of `torchmetrics.Metric`.
    """

    plot_upper_bound: float | None = None

    def __init__(self, confidence: float = 0.9, **kwargs: Any) -> None:
        super().__init__(confidence, **kwargs)
        self.confidence = confidence

    def update(self, step_logits: Tensor) -> None:
        """Add a batch of outputs at each step `(T, N, classes)`."""
        self._add(exit_steps(step_logits, self.confidence)[0])
