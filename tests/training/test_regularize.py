"""The firing distance as a loss: its gradient reaches the weights, and it brings the firing back."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from snnbench.bench.bench import open_bench
from snnbench.bench.quantized import make_quantized
from snnbench.bench.run import make_cells
from snnbench.functional import firing_emd
from snnbench.nn import SEWResNet, sew_resnet8
from snnbench.protocols.document import Stage, Training
from snnbench.records.cell import quantizer_spec
from snnbench.reporting import Silent
from snnbench.training.batches import Normalise
from snnbench.training.regularize import batch_rates, keeping_rates
from snnbench.training.trainer import Trainer, TrainingSet


def network() -> SEWResNet:
    """A network whose batch norms have seen the training images."""
    torch.manual_seed(0)
    model = sew_resnet8(4, 3, 2, bn_scale=2.0, channels=1)
    data = trainer_of(model).data
    with torch.no_grad():
        for _ in range(40):
            model(data.normalise(torch.from_numpy(data.images)))
    return model.eval()


def trainer_of(model: SEWResNet) -> Trainer:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (64, 1, 8, 8), dtype=np.uint8)
    recipe = Training(stages=(Stage(timesteps=2, epochs=8),), batch_size=16, learning_rate=0.02)
    data = TrainingSet(images, generator.integers(0, 3, 64), Normalise([0.5], [0.25]))
    return Trainer(model, recipe, data, 0)


def moved(model: SEWResNet) -> SEWResNet:
    """A copy whose currents are stronger, so that it fires more."""
    other = copy.deepcopy(model)
    for module in other.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.constant_(module.bias, 0.7)
    return other


def distance(model: SEWResNet, reference: SEWResNet) -> float:
    images = torch.randn(64, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    with batch_rates(model.eval()) as mine, batch_rates(reference.eval()) as theirs, torch.no_grad():
        model(images), reference(images)
    return float(firing_emd(mine, theirs))


def test_the_gradient_reaches_every_layer_of_weights() -> None:
    reference = network()
    trainer = trainer_of(moved(reference))
    with keeping_rates(trainer, reference, 1.0):
        trainer.model.train()(torch.randn(16, 1, 8, 8))
        assert trainer.extra_loss is not None
        loss: Tensor = trainer.extra_loss()
        loss.backward()
    assert loss > 0
    convolutions = [name for name, _ in trainer.model.named_parameters() if name.endswith("conv.weight")]
    for name in convolutions:
        gradient = trainer.model.get_parameter(name).grad
        assert gradient is not None
        assert gradient.isfinite().all()
        assert gradient.abs().max() > 0
    assert all(parameter.grad is None for parameter in reference.parameters())


def test_the_distance_is_that_of_the_batch() -> None:
    reference = network()
    trainer = trainer_of(moved(reference))
    images = torch.randn(64, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    with keeping_rates(trainer, reference, 3.0):
        trainer.model.eval()(images)
        assert trainer.extra_loss is not None
        loss = float(trainer.extra_loss().detach())
    assert loss == pytest.approx(3 * distance(trainer.model, reference))  # type: ignore[arg-type]


def test_training_with_it_brings_the_firing_back() -> None:
    reference = network()
    plain, kept = trainer_of(moved(reference)), trainer_of(moved(reference))
    before = distance(kept.model, reference)  # type: ignore[arg-type]
    with keeping_rates(kept, reference, 30.0):
        while not kept.finished:
            kept.train_epoch()
    while not plain.finished:
        plain.train_epoch()
    after, without = distance(kept.model, reference), distance(plain.model, reference)  # type: ignore[arg-type]
    assert after < 0.6 * before
    assert after < 0.6 * without


def test_nothing_is_left_behind() -> None:
    reference = network()
    trainer = trainer_of(moved(reference))
    with pytest.raises(RuntimeError, match="stop"), keeping_rates(trainer, reference, 1.0):
        raise RuntimeError("stop")
    hooks = [
        hook
        for model in (trainer.model, reference)
        for module in model.modules()
        for hook in (*module._forward_hooks, *module._forward_pre_hooks)
    ]
    assert hooks == []
    assert trainer.extra_loss is None


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_a_protocol_asks_for_it(strength: float, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = open_bench("digits-sew8")
    recipe = opened.protocol.finetune.model_copy(
        update={
            "regularize": {"firing_emd": strength} if strength else {},
            "batch_size": 700,
            "stages": (Stage(timesteps=4, epochs=1),),
        }
    )
    bench = replace(opened, protocol=opened.protocol.model_copy(update={"finetune": recipe}))
    (cell,) = make_cells(bench, [quantizer_spec("uniform", 2, {})], None, "qat", 0)
    calls = []
    monkeypatch.setattr(
        "snnbench.training.regularize.firing_emd", lambda *rates: calls.append(rates) or firing_emd(*rates)
    )
    make_quantized(bench, cell, Silent())
    assert len(calls) == (4 if strength else 0)  # two steps that tell the time expected, and two of training
