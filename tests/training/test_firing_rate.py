"""The penalty on firing: its value against a plain mean, and that it makes a network fire less."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from snnbench.bench.evaluate import accuracy
from snnbench.nn import record_firing
from snnbench.protocols import Stage
from snnbench.training.baseline import open_training
from snnbench.training.firing_rate import penalising_rates
from snnbench.training.trainer import Trainer


def trainer_of(strength: float, activation: str = "spikes") -> Trainer:
    trainer, _, _ = open_training("digits-sew8", None, 0, "eager")
    weights = {"firing_rate": strength} if strength else {}
    stage = Stage(timesteps=4 if activation == "spikes" else 1, epochs=1, activation=activation)  # type: ignore[arg-type]
    trainer.training = trainer.training.model_copy(update={"regularize": weights})
    trainer.stages = [stage]
    trainer.data = replace(trainer.data, images=trainer.data.images[:320], labels=trainer.data.labels[:320])
    trainer.steps_per_epoch = 320 // trainer.training.batch_size
    return trainer


def test_it_is_the_mean_rate_of_all_neurons() -> None:
    trainer = trainer_of(0.5)
    images, _ = next(trainer._batches(trainer.stages[0], 0))
    with penalising_rates(trainer), record_firing(trainer.model) as recorder:
        trainer.model(images)
        assert trainer.extra_loss is not None
        found = float(trainer.extra_loss().detach())
    layers = recorder.profile().layers.values()
    spikes, units = (
        sum(int(part) for part in parts)
        for parts in zip(*[(v.counts.sum(), v.counts[0].numel()) for v in layers], strict=True)
    )
    assert found == pytest.approx(0.5 * spikes / (units * 4 * len(images)), rel=1e-5)
    assert trainer.extra_loss is None


@pytest.mark.parametrize("activation", ["spikes", "qcfs"])
def test_a_network_that_is_told_to_fire_little_fires_less(activation: str) -> None:
    rates = {}
    for strength in (0.0, 50.0):
        torch.manual_seed(0)
        trainer = trainer_of(strength, activation)
        with penalising_rates(trainer):
            trainer.train_epoch()
        trainer.model.timesteps = 4  # type: ignore[assignment]
        with torch.no_grad(), record_firing(trainer.model.eval()) as recorder:
            trainer.model(next(trainer._batches(trainer.stages[0], 0))[0])
        rates[strength] = sum(int(layer.counts.sum()) for layer in recorder.profile().layers.values())
    assert rates[50.0] < 0.9 * rates[0.0]


def test_what_is_measured_on_the_way_is_no_part_of_the_loss() -> None:
    def penalty(measured: bool) -> float:
        trainer = trainer_of(0.5)
        batches = trainer._batches(trainer.stages[0], 0)
        (images, _), (others, labels) = next(batches), next(batches)
        trainer.model.eval()
        with penalising_rates(trainer):
            trainer.model(images)
            if measured:
                accuracy(trainer.model, others.numpy(), labels.numpy(), lambda each: each, 64)  # type: ignore[arg-type]
            assert trainer.extra_loss is not None
            return float(trainer.extra_loss().detach())

    assert penalty(measured=True) == penalty(measured=False)
