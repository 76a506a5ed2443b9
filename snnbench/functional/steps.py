"""What a network has decided after each time step, and what it costs to stop as soon as it is sure."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from snnbench.errors import FiringError
from snnbench.functional.decisions import check_classes


@dataclass(frozen=True)
class EarlyExit:
    """A network that stops at the first step at which its largest probability reaches `confidence`.

    Attributes:
        confidence: the probability that ends a sample, in (0, 1].
        steps: mean number of steps that a sample takes, in 1..T; a sample that is never sure takes T.
        accuracy: fraction of samples that are right when they stop.
        sure: fraction of samples that became sure.
    """

    confidence: float
    steps: float
    accuracy: float
    sure: float


def running_mean(step_logits: Tensor) -> Tensor:
    """Mean output of the steps so far: `(T, N, classes)` -> float64 of the same shape; the last is the network's.

    Raises:
        FiringError: unless `step_logits` is a non-empty finite tensor of three dimensions.
    """
    if step_logits.ndim != 3 or step_logits.numel() == 0:
        raise FiringError(
            f"step outputs have shape {tuple(step_logits.shape)}; pass (T, N, classes), one for each step"
        )
    if not torch.isfinite(step_logits).all():
        raise FiringError("step outputs are not finite; no decision can be read from them")
    steps = torch.arange(1, len(step_logits) + 1, dtype=torch.float64, device=step_logits.device)
    return step_logits.double().cumsum(0) / steps[:, None, None]


def decisions_by_step(step_logits: Tensor) -> Tensor:
    """Class that each sample would get after each step, int64 `(T, N)`; arguments and errors as in `running_mean`."""
    return running_mean(step_logits).argmax(2)


def correct_by_step(step_logits: Tensor, labels: Tensor) -> Tensor:
    """Whether each sample would be right after each step, bool `(T, N)`; arguments and errors as `accuracy_by_step`."""
    return decisions_by_step(step_logits) == _labels(labels, step_logits)


def accuracy_by_step(step_logits: Tensor, labels: Tensor) -> Tensor:
    """Accuracy if the network were stopped after each step, fractions `(T,)`, float64.

    Args:
        step_logits: outputs at each step `(T, N, classes)`, of which the network's answer is the mean over steps.
        labels: the right classes, integers `(N,)`.

    Raises:
        FiringError: if shapes do not fit, a label is none of the classes or an output is not finite.
    """
    return correct_by_step(step_logits, labels).double().mean(1)


def agreeing_by_step(step_logits: Tensor, reference_step_logits: Tensor) -> Tensor:
    """Whether both networks give each sample the same class after each step, bool `(T, N)`.

    Raises:
        FiringError: if shapes differ or an output is not finite.
    """
    if step_logits.shape != reference_step_logits.shape:
        raise FiringError(
            f"step outputs of shape {tuple(step_logits.shape)} against {tuple(reference_step_logits.shape)} in the "
            "reference; run both networks on the same samples for the same T"
        )
    return decisions_by_step(step_logits) == decisions_by_step(reference_step_logits)


def agreement_by_step(step_logits: Tensor, reference_step_logits: Tensor) -> Tensor:
    """Fraction of samples of which that is so, `(T,)`, float64; errors as in `agreeing_by_step`."""
    return agreeing_by_step(step_logits, reference_step_logits).double().mean(1)


def area_under_steps(by_step: Tensor) -> float:
    """Area under a curve over the steps, as the mean over its T values: 1 if all is right from the first step on."""
    if by_step.ndim != 1 or len(by_step) == 0:
        raise FiringError(f"a curve over steps has shape (T,), got {tuple(by_step.shape)}")
    return float(by_step.double().mean())


def exit_steps(step_logits: Tensor, confidence: float) -> tuple[Tensor, Tensor]:
    """Step (1..T) at which each sample stops, int64 `(N,)`, and whether it was sure then, bool `(N,)`.

    Raises:
        FiringError: if `confidence` is not in (0, 1], or outputs are not sound (see `running_mean`).
    """
    if not 0 < confidence <= 1:
        raise FiringError(f"confidence={confidence} is not a probability in (0, 1]")
    reached = running_mean(step_logits).softmax(2).amax(2) >= confidence
    sure = reached.any(0)
    last = torch.full_like(sure, len(step_logits), dtype=torch.int64)
    return torch.where(sure, reached.long().argmax(0) + 1, last), sure


def exits(step_logits: Tensor, labels: Tensor, confidence: float = 0.9) -> tuple[Tensor, Tensor, Tensor]:
    """`exit_steps`, and between its two whether each sample is right then, bool `(N,)`; arguments as `early_exit`."""
    steps, sure = exit_steps(step_logits, confidence)
    decided = decisions_by_step(step_logits).gather(0, (steps - 1)[None])[0]
    return steps, decided == _labels(labels, step_logits), sure


def early_exit(step_logits: Tensor, labels: Tensor, confidence: float = 0.9) -> EarlyExit:
    """Steps and accuracy of a network that stops as soon as it is sure; a curve of them is an early-exit curve.

    Args:
        step_logits: outputs at each step `(T, N, classes)`; the running mean is taken as logits.
        labels: the right classes, integers `(N,)`.
        confidence: the softmax probability that ends a sample, in (0, 1].

    Raises:
        FiringError: if shapes do not fit, a label is none of the classes, an output is not finite, or `confidence` is
            no probability.
    """
    seen = exits(step_logits, labels, confidence)
    return EarlyExit(confidence, *(float(each.double().mean()) for each in seen))


def _labels(labels: Tensor, step_logits: Tensor) -> Tensor:
    if labels.shape != step_logits.shape[1:2] or labels.is_floating_point():
        raise FiringError(
            f"labels are class numbers (N,) for step outputs {tuple(step_logits.shape)}, got {tuple(labels.shape)}"
        )
    check_classes(labels, step_logits.shape[2])
    return labels
