"""Whether a network knows how sure it may be: calibration error, log likelihood, Brier score."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from snnbench.errors import FiringError
from snnbench.functional.decisions import check_classes

BINS = 15
"""Number of equally wide bins of the calibration error (Guo et al. 2017)."""


def expected_calibration_error(logits: Tensor, labels: Tensor, bins: int = BINS) -> float:
    """Mean gap between confidence and accuracy over bins of confidence, in [0, 1], as torchmetrics computes it.

    Args:
        logits: outputs `(N, classes)`; their softmax is the confidence.
        labels: the right classes, integers `(N,)`.
        bins: number of equally wide bins.

    Raises:
        FiringError: if shapes do not fit or an output is not finite.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks, arXiv 1706.04599.
    """
    from torchmetrics.functional.classification import multiclass_calibration_error

    _check(logits, labels)
    probabilities = logits.double().softmax(1)
    return float(multiclass_calibration_error(probabilities, labels, logits.shape[1], n_bins=bins, norm="l1"))


def log_likelihoods(logits: Tensor, labels: Tensor) -> Tensor:
    """Negative log likelihood of the right class in nats, float64 `(N,)`, at least 0; errors as above."""
    _check(logits, labels)
    return cross_entropy(logits.double(), labels.long(), reduction="none")


def brier_scores(logits: Tensor, labels: Tensor) -> Tensor:
    """Squared distance between probabilities and the right answer, `sum_c (p_c - y_c)^2`, float64 `(N,)`, in [0, 2].

    Errors as in `expected_calibration_error`. Source: Brier 1950, Monthly Weather Review 78.
    """
    _check(logits, labels)
    probabilities = logits.double().softmax(1)
    return (probabilities - one_hot(labels.long(), logits.shape[1])).square().sum(1)


def negative_log_likelihood(logits: Tensor, labels: Tensor) -> float:
    """Mean of `log_likelihoods`."""
    return float(log_likelihoods(logits, labels).mean())


def brier_score(logits: Tensor, labels: Tensor) -> float:
    """Mean of `brier_scores`."""
    return float(brier_scores(logits, labels).mean())


def _check(logits: Tensor, labels: Tensor) -> None:
    if logits.ndim != 2 or logits.numel() == 0 or labels.shape != logits.shape[:1] or labels.is_floating_point():
        raise FiringError(
            f"confidence needs outputs (N, classes) and class numbers (N,); got {tuple(logits.shape)} and "
            f"{tuple(labels.shape)} {labels.dtype}"
        )
    if not torch.isfinite(logits).all():
        raise FiringError("outputs are not finite; no probability can be read from them")
    check_classes(labels, logits.shape[1])
