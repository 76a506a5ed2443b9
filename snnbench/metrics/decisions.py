"""Metrics of what a network decides, compared with its reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from snnbench.errors import FiringError
from snnbench.functional.decisions import disagreeing, divergences, flipped, summarize_divergences


class _Fraction(Metric):
    """Base: fraction of samples for which something holds."""

    full_state_update: bool | None = False
    is_differentiable: bool | None = False
    higher_is_better: bool | None = False
    plot_lower_bound: float | None = 0.0
    plot_upper_bound: float | None = 1.0

    holding: Tensor
    samples: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for state in ("holding", "samples"):
            self.add_state(state, torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def compute(self) -> Tensor:
        """Fraction over all batches, float64; a FiringError if there was none."""
        if self.samples == 0:
            raise FiringError(f"{type(self).__name__} has seen no outputs; call update before compute")
        return self.holding.double() / self.samples

    def plot(self, val: Any = None, ax: Any = None) -> Any:
        """Plot `val` (by default `compute()`; or a list of values) with matplotlib; returns figure and axes."""
        return self._plot(val, ax)

    def set_dtype(self, dst_type: str | torch.dtype) -> Metric:
        """Counts stay integers."""
        return self

    def _add(self, holds: Tensor) -> None:
        self.holding = self.holding + holds.sum().to(self.device)
        self.samples = self.samples + len(holds)


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


class OutputKL(Metric):
    """Kullback-Leibler divergence KL(reference || network) of the softmax outputs over the samples, in nats.

    `snnbench.functional.output_divergence` over all batches: mean, median, 99th percentile and maximum, each at least
    0. Keeps one number per sample. Takes the keyword arguments of `torchmetrics.Metric`.
    """

    full_state_update: bool | None = False
    is_differentiable: bool | None = False
    higher_is_better: bool | None = False
    plot_lower_bound: float | None = 0.0

    divergences: list[Tensor]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("divergences", [], dist_reduce_fx="cat")

    def update(self, logits: Tensor, reference_logits: Tensor) -> None:
        """Add a batch of outputs `(N, classes)` of both networks; a FiringError if they do not fit."""
        self.divergences.append(divergences(logits, reference_logits).to(self.device))

    def compute(self) -> dict[str, Tensor]:
        """`kl_mean`, `kl_median`, `kl_p99` and `kl_max` in nats, float64; a FiringError if there was no batch."""
        values = torch.cat([*self.divergences]) if isinstance(self.divergences, list) else self.divergences
        summary = summarize_divergences(values)
        return {f"kl_{name}": values.new_tensor(value) for name, value in vars(summary).items()}
