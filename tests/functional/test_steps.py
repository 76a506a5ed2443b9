"""Decisions step by step against a plain loop."""

from __future__ import annotations

import pytest
import torch

from snnbench.errors import FiringError
from snnbench.functional.steps import (
    accuracy_by_step,
    agreement_by_step,
    area_under_steps,
    early_exit,
    running_mean,
)

T, N, CLASSES = 5, 40, 4


def outputs(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(T, N, CLASSES, generator=generator) * 3, torch.randint(CLASSES, (N,), generator=generator)


@pytest.mark.parametrize("seed", range(3))
def test_accuracy_and_agreement_by_a_loop(seed):
    (logits, labels), (others, _) = outputs(seed), outputs(seed + 10)
    for t in range(T):
        mine, theirs = (each[: t + 1].double().mean(0).argmax(1) for each in (logits, others))
        assert accuracy_by_step(logits, labels)[t] == (mine == labels).double().mean()
        assert agreement_by_step(logits, others)[t] == (mine == theirs).double().mean()
    assert area_under_steps(accuracy_by_step(logits, labels)) == pytest.approx(
        sum(float(value) for value in accuracy_by_step(logits, labels)) / T
    )


@pytest.mark.parametrize("confidence", [0.3, 0.6, 0.9, 0.999, 1.0])
def test_early_exit_by_a_loop(confidence):
    logits, labels = outputs(0)
    steps, right, sure = [], [], []
    for n in range(N):
        for t in range(T):
            probability = torch.softmax(logits[: t + 1, n].double().mean(0), 0)
            if probability.max() >= confidence:
                break
        steps.append(t + 1)
        right.append(int(probability.argmax()) == int(labels[n]))
        sure.append(bool(probability.max() >= confidence))
    found = early_exit(logits, labels, confidence)
    assert found.steps == pytest.approx(sum(steps) / N)
    assert found.accuracy == pytest.approx(sum(right) / N)
    assert found.sure == pytest.approx(sum(sure) / N)


def test_more_confidence_never_takes_fewer_steps():
    logits, labels = outputs(1)
    steps = [early_exit(logits, labels, c).steps for c in (0.2, 0.4, 0.6, 0.8, 0.95)]
    assert steps == sorted(steps)
    assert steps[0] == 1  # of four classes, one always has a fifth


def test_the_last_step_is_the_network():
    logits, labels = outputs(2)
    assert torch.equal(running_mean(logits)[-1], logits.double().sum(0) / T)
    assert accuracy_by_step(logits, labels)[-1] == (logits.double().mean(0).argmax(1) == labels).double().mean()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, y: accuracy_by_step(x[0], y), "pass \\(T, N, classes\\)"),
        (lambda x, y: accuracy_by_step(x, y[:-1]), "labels are class numbers"),
        (lambda x, y: accuracy_by_step(x, y.float()), "labels are class numbers"),
        (lambda x, y: accuracy_by_step(x, y + 1), "labels lie outside 0.."),
        (lambda x, y: early_exit(x, y - 1), "labels lie outside 0.."),
        (lambda x, y: accuracy_by_step(x / 0, y), "not finite"),
        (lambda x, y: agreement_by_step(x, x[1:]), "same samples for the same T"),
        (lambda x, y: early_exit(x, y, 0), "is not a probability"),
        (lambda x, y: early_exit(x, y, 1.5), "is not a probability"),
        (lambda x, y: area_under_steps(x), "has shape"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(FiringError, match=message):
        call(*outputs(0))
