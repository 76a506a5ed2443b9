"""What the quantized network decides: disagreement with the reference, flips, and the divergence of the outputs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import kl_div, log_softmax

from snnbench.errors import FiringError


@dataclass(frozen=True)
class OutputDivergence:
    """Kullback-Leibler divergence of the outputs over the samples, in nats, each at least 0."""

    mean: float
    median: float
    p99: float
    max: float


def disagreeing(logits: Tensor, reference_logits: Tensor) -> Tensor:
    """Boolean `(N,)`: samples that the two networks classify differently. Arguments as in `disagreement`."""
    _check_logits(logits, reference_logits)
    return logits.argmax(1) != reference_logits.argmax(1)


def flipped(logits: Tensor, reference_logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Boolean `(N,)` each: samples that went from right to wrong, and from wrong to right. Arguments as in `flips`."""
    _check_logits(logits, reference_logits)
    if labels.shape != logits.shape[:1] or labels.is_floating_point():
        raise FiringError(f"labels are class numbers (N,) for outputs {tuple(logits.shape)}, got {tuple(labels.shape)}")
    check_classes(labels, logits.shape[1])
    right, reference_right = logits.argmax(1) == labels, reference_logits.argmax(1) == labels
    return reference_right & ~right, right & ~reference_right


def check_classes(labels: Tensor, classes: int) -> None:
    """A FiringError if a label is none of `classes`: counted from 1, the last class would be wrong without a word."""
    if labels.min() < 0 or labels.max() >= classes:
        raise FiringError(f"labels lie outside 0..{classes - 1}, the classes of the outputs")


def divergences(logits: Tensor, reference_logits: Tensor) -> Tensor:
    """KL(reference || network) of each sample's softmax outputs in nats, float64 `(N,)`, at least 0."""
    _check_logits(logits, reference_logits)
    mine, theirs = log_softmax(logits.double(), dim=1), log_softmax(reference_logits.double(), dim=1)
    return kl_div(mine, theirs, reduction="none", log_target=True).sum(1).clamp(min=0)


def disagreement(logits: Tensor, reference_logits: Tensor) -> float:
    """Fraction of samples that the two networks classify differently, rightly or not, in [0, 1].

    Args:
        logits: outputs of the network, `(N, classes)`, finite.
        reference_logits: outputs of the reference on the same samples.

    Raises:
        FiringError: if shapes differ, there is no sample, or an output is not finite.
    """
    return float(disagreeing(logits, reference_logits).double().mean())


def flips(logits: Tensor, reference_logits: Tensor, labels: Tensor) -> float:
    """Fraction of samples whose answer went from right to wrong or from wrong to right, in [0, 1].

    Equal accuracy can hide many of them. Wrong answers that changed to other wrong ones are not flips.

    Args:
        logits: outputs of the network, `(N, classes)`, finite.
        reference_logits: outputs of the reference on the same samples.
        labels: the right classes, integers `(N,)`.

    Raises:
        FiringError: if shapes differ, there is no sample, an output is not finite, or a label is no class.

    Source: Dutta et al. 2024, Accuracy is Not All You Need, arXiv 2407.09141.
    """
    lost, gained = flipped(logits, reference_logits, labels)
    return float((lost | gained).double().mean())


def negative_flips(logits: Tensor, reference_logits: Tensor, labels: Tensor) -> float:
    """Fraction of samples whose answer went from right to wrong, in [0, 1]; arguments and errors as in `flips`."""
    lost, _ = flipped(logits, reference_logits, labels)
    return float(lost.double().mean())


def output_divergence(logits: Tensor, reference_logits: Tensor) -> OutputDivergence:
    """Mean, median, 99th percentile and maximum of `divergences`; arguments and errors as in `disagreement`."""
    return summarize_divergences(divergences(logits, reference_logits))


def summarize_divergences(values: Tensor) -> OutputDivergence:
    """`output_divergence` from the samples' divergences `(N,)`; their order does not matter, to the last bit."""
    values = values.double().sort().values
    median, p99 = values.quantile(values.new_tensor([0.5, 0.99])).tolist()
    return OutputDivergence(float(values.mean()), median, p99, float(values[-1]))


def _check_logits(logits: Tensor, reference_logits: Tensor) -> None:
    if logits.ndim != 2 or logits.shape != reference_logits.shape or logits.numel() == 0:
        raise FiringError(
            f"outputs have shapes {tuple(logits.shape)} and {tuple(reference_logits.shape)} in the reference; pass "
            "non-empty tensors (N, classes) of the same samples"
        )
    for name, outputs in (("network", logits), ("reference", reference_logits)):
        if not torch.isfinite(outputs).all():
            raise FiringError(f"outputs of the {name} are not finite; no decision can be read from them")
