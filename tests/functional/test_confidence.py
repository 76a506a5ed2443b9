"""Calibration and proper scores against scikit-learn and a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import brier_score_loss, log_loss

from snnbench.errors import FiringError
from snnbench.functional.confidence import (
    BINS,
    brier_score,
    brier_scores,
    expected_calibration_error,
    negative_log_likelihood,
)


def outputs(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(200, 5, generator=generator), torch.randint(5, (200,), generator=generator)


@pytest.mark.parametrize("seed", range(3))
def test_scores_against_scikit_learn(seed):
    logits, labels = outputs(seed)
    probabilities = logits.double().softmax(1).numpy()
    known = log_loss(labels.numpy(), probabilities, labels=range(5))
    assert negative_log_likelihood(logits, labels) == pytest.approx(known, rel=1e-12)
    by_class = [brier_score_loss(labels.numpy() == c, probabilities[:, c]) for c in range(5)]
    assert brier_score(logits, labels) == pytest.approx(sum(by_class), rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_calibration_error_by_a_loop(seed):
    logits, labels = outputs(seed)
    probabilities = logits.double().softmax(1).numpy()
    sure, right = probabilities.max(1), probabilities.argmax(1) == labels.numpy()
    error = 0.0
    for k in range(BINS):
        inside = (sure > k / BINS) & (sure <= (k + 1) / BINS)
        if inside.any():
            error += inside.mean() * abs(sure[inside].mean() - right[inside].mean())
    assert expected_calibration_error(logits, labels) == pytest.approx(error, abs=1e-6)
    assert np.isfinite(error)


def test_a_sure_and_right_network_is_calibrated():
    labels = torch.tensor([0, 1, 2, 1])
    logits = 100 * torch.nn.functional.one_hot(labels, 3).float()
    assert expected_calibration_error(logits, labels) == pytest.approx(0, abs=1e-6)
    assert brier_score(logits, labels) == pytest.approx(0, abs=1e-12)
    wrong = (labels + 1) % 3
    assert brier_scores(logits, wrong).tolist() == pytest.approx([2.0] * 4)
    assert expected_calibration_error(logits, wrong) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (torch.zeros(3), torch.zeros(3).long(), "outputs \\(N, classes\\)"),
        (torch.zeros(3, 2), torch.zeros(2).long(), "outputs \\(N, classes\\)"),
        (torch.zeros(3, 2), torch.zeros(3), "class numbers"),
        (torch.full((3, 2), torch.nan), torch.zeros(3).long(), "not finite"),
        (torch.zeros(3, 2), torch.tensor([0, 1, 2]), "outside 0..1"),
    ],
)
def test_what_is_refused(logits, labels, message):
    with pytest.raises(FiringError, match=message):
        brier_score(logits, labels)
