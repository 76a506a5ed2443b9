"""Uncertainty of accuracy: Wilson interval, exact McNemar test and interval of the change on the same samples."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor

from snnbench.errors import FiringError
from snnbench.functional.uncertainty import CONFIDENCE, Estimate


@dataclass(frozen=True)
class McNemar:
    """Outcome of the exact McNemar test.

    Attributes:
        lost: samples that the reference classifies rightly and the network wrongly.
        gained: samples that the network classifies rightly and the reference wrongly.
        p_value: two-sided probability of a split at least as uneven if both were equally accurate; 1 if none differ.
    """

    lost: int
    gained: int
    p_value: float


def wilson_interval(correct: int, samples: int) -> Estimate:
    """Accuracy `correct / samples` as a fraction, with its 95 % Wilson score interval.

    Raises:
        FiringError: unless 0 <= correct <= samples and samples > 0.

    Source: Wilson 1927, JASA 22; Brown, Cai and DasGupta 2001, Statistical Science 16.
    """
    if not 0 <= correct <= samples or samples == 0:
        raise FiringError(f"{correct} correct of {samples} samples is not a fraction; evaluate at least one sample")
    from scipy.stats import binomtest

    interval = binomtest(correct, samples).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(correct / samples, float(interval.low), float(interval.high))


def mcnemar_test(correct: Tensor, reference_correct: Tensor) -> McNemar:
    """Exact McNemar test of equal accuracy on the same samples, from two boolean tensors `(N,)`.

    Raises:
        FiringError: if the tensors are not boolean and of the same shape `(N,)`.

    Source: McNemar 1947, Psychometrika 12, with the exact binomial distribution of the discordant samples.
    """
    _check_paired(correct, reference_correct)
    from scipy.stats import binomtest

    lost = int((reference_correct & ~correct).sum())
    gained = int((correct & ~reference_correct).sum())
    p_value = float(binomtest(lost, lost + gained).pvalue) if lost + gained else 1.0
    return McNemar(lost, gained, p_value)


def accuracy_change(correct: Tensor, reference_correct: Tensor, confidence: float = CONFIDENCE) -> Estimate:
    """Accuracy minus the reference's on the same samples, a fraction in [-1, 1], with its paired interval.

    Args:
        correct: boolean `(N,)`, whether the network classifies each sample rightly.
        reference_correct: the same for the reference.
        confidence: nominal coverage of the interval.

    Raises:
        FiringError: if the tensors are not boolean and of the same shape `(N,)`.

    Source: the adjusted Wald interval of Bonett and Price 2012, J. Educational and Behavioral Statistics 37.
    """
    from scipy.stats import norm

    test = mcnemar_test(correct, reference_correct)
    samples = len(correct)
    lost, gained, total = test.lost + 1, test.gained + 1, samples + 2
    center = (gained - lost) / total
    reach = float(norm.ppf((1 + confidence) / 2)) * sqrt((lost + gained) / total - center**2) / sqrt(total)
    value = (test.gained - test.lost) / samples
    return Estimate(value, max(center - reach, -1.0), min(center + reach, 1.0))


def _check_paired(correct: Tensor, reference_correct: Tensor) -> None:
    for tensor in (correct, reference_correct):
        if tensor.dtype != torch.bool or tensor.shape != correct.shape or tensor.ndim != 1 or len(tensor) == 0:
            raise FiringError(
                f"correctness is a non-empty boolean tensor (N,) for each network, of the same samples; got "
                f"{tuple(correct.shape)} {correct.dtype} and {tuple(reference_correct.shape)} {reference_correct.dtype}"
            )
