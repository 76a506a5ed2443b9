"""Training on a device that is not there: under `FakeTensorMode`, where a tensor that is left on the CPU raises.

The device is ``meta``: PyTorch without CUDA ends the process where a graph of gradients holds tensors of a GPU, even
fake ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from snnbench.bench import quantized
from snnbench.bench.bench import open_bench
from snnbench.bench.evaluate import accuracy
from snnbench.engine import choose_engine
from snnbench.nn import rectified, sew_resnet8
from snnbench.plugins import catalogue
from snnbench.protocols import Stage, Training
from snnbench.quant import quantize_weights, quantizers
from snnbench.records.cell import Cell, quantizer_spec
from snnbench.reporting import Silent
from snnbench.training.batches import Normalise, training_batches
from snnbench.training.checkpoint import load_checkpoint, save_checkpoint
from snnbench.training.firing_rate import penalising_rates
from snnbench.training.regularize import keeping_rates
from snnbench.training.trainer import Trainer, TrainingSet

DEVICE = "meta"
RECIPE = Training(
    stages=(Stage(timesteps=2, epochs=1),),
    batch_size=8,
    learning_rate=0.02,
    crop_padding=2,
    flip=True,
    precision="bfloat16",
)
DATA = TrainingSet(np.zeros((16, 1, 8, 8), np.uint8), np.zeros(16, np.int64), Normalise([0.5], [0.25]))


def moving() -> Any:
    """``nn.Module.to`` for fake tensors, whose parameters PyTorch does not move in place as it does real ones."""
    moved: dict[Tensor, Tensor] = {}

    def other(tensor: Tensor, device: str) -> Tensor:
        if str(tensor.device) == device:
            return tensor
        if tensor not in moved:
            copied = tensor.detach().to(device)
            moved[tensor] = nn.Parameter(copied) if isinstance(tensor, nn.Parameter) else copied
        return moved[tensor]

    def to(module: nn.Module, device: str | None = None, **layout: Any) -> nn.Module:
        for part in module.modules() if device else ():
            for tensors in (part._parameters, part._buffers):
                tensors.update({name: other(each, device) for name, each in tensors.items() if each is not None})
        return module

    return to


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Tensors have a shape, a dtype and a device, and no values; numbers that are read of them are 1.

    Gives the devices that autocast was asked for.
    """
    for name, value in (("__float__", 1.0), ("__int__", 1), ("__bool__", False)):
        monkeypatch.setattr(FakeTensor, name, lambda self, value=value: value, raising=False)
    monkeypatch.setattr(nn.Module, "to", to := moving())
    monkeypatch.setattr(nn.Module, "cpu", lambda module: to(module, "cpu"))
    monkeypatch.setattr("snnbench.functional.emd.check_rates", lambda rates, layer: rates)
    monkeypatch.setattr("snnbench.training.batches._order", lambda count, generator: np.arange(count))
    cast = list[str]()
    monkeypatch.setattr(torch, "autocast", lambda kind, *args, **more: cast.append(kind) or nullcontext())
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield cast


def where(tensors: Any) -> set[str]:
    return {str(tensor.device) for tensor in tensors}


def network() -> nn.Module:
    return sew_resnet8(4, 3, 2, neuron="plif", learn_threshold=True, channels=1)


def trainer_on_device(model: nn.Module, **recipe: Any) -> Trainer:
    forms = {} if quantizers(model) else {"qcfs": rectified(model, 2)}
    return Trainer(model, RECIPE.model_copy(update=recipe), DATA, 0, "eager", forms, DEVICE)


def momenta(trainer: Trainer) -> dict[str, Tensor]:
    state = trainer.optimizer.state
    return {name: state[p]["momentum_buffer"] for name, p in trainer.model.named_parameters() if p in state}


@pytest.mark.usefixtures("fakes")
def test_a_tensor_that_is_left_on_the_cpu_raises() -> None:
    model = nn.Linear(3, 3).to(DEVICE)
    assert str(model(torch.zeros(4, 3, device=DEVICE)).device) == DEVICE
    with pytest.raises(RuntimeError, match="devices"):
        model(torch.zeros(4, 3))


@pytest.mark.parametrize(
    ("activation", "gradient"),
    [("spikes", "exact"), ("spikes", "averaged"), ("qcfs", "exact")],
)
def test_an_epoch_runs_on_the_device(activation: str, gradient: str, fakes: list[str]) -> None:
    stage = Stage(timesteps=2 if activation == "spikes" else 1, epochs=1, activation=activation, gradient=gradient)
    stages = (stage, Stage(timesteps=2, epochs=1))
    trainer = trainer_on_device(network(), stages=stages, regularize={"firing_rate": 0.1})
    with penalising_rates(trainer):
        trainer.train_epoch()
    model = trainer.forms[activation]
    assert where((*model.parameters(), *model.buffers())) == {DEVICE}
    assert where(p.grad for p in model.parameters() if p.grad is not None) == {DEVICE}
    assert momenta(trainer)
    assert where(momenta(trainer).values()) == {DEVICE}
    assert trainer.progress.log[0]["epoch"] == 1
    assert fakes == [DEVICE] * 2


@pytest.mark.usefixtures("fakes")
@pytest.mark.parametrize("quantizer", ["uniform", "lqnet"])
def test_a_quantized_network_keeps_its_reference_s_rates_on_the_device(quantizer: str) -> None:
    model, make = network(), catalogue().quantizers[quantizer].value
    quantize_weights(model, lambda name, weight: make(weight, bits=2), input_shape=(1, 8, 8))
    trainer = trainer_on_device(model)
    with keeping_rates(trainer, network(), 1.0):
        trainer.train_epoch()
    assert where((*model.parameters(), *model.buffers())) == {DEVICE}


@pytest.mark.usefixtures("fakes")
def test_a_cell_is_fine_tuned_on_its_device_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, seen = open_bench("digits-sew8", device=DEVICE), set[str]()
    monkeypatch.setattr(quantized, "training_set", lambda *arguments: DATA)
    monkeypatch.setattr(quantized, "expected_seconds", lambda *arguments: 1.0)  # copies, which fakes do not survive
    recipe = RECIPE.model_copy(update={"stages": (Stage(timesteps=4, epochs=1),), "regularize": {"firing_emd": 1.0}})
    vars(bench.protocol)["finetune"] = recipe
    model, make = bench.network.build(), catalogue().quantizers["uniform"].value
    quantize_weights(model, lambda name, weight: make(weight, bits=4), input_shape=(1, 8, 8))
    model.register_forward_hook(lambda module, inputs, logits: seen.add(str(logits.device)))
    cell = Cell.model_construct(seed=0, quantizer=quantizer_spec("uniform", 4, {}), mode="qat")
    assert len(quantized.tune(bench, model, cell, Silent())) == 1
    assert seen == {DEVICE}
    assert where((*model.parameters(), *model.buffers())) == {"cpu"}


@pytest.mark.usefixtures("fakes")
def test_accuracy_is_counted_on_the_device() -> None:
    model, seen = network(), set[str]()
    model.register_forward_hook(lambda module, inputs, logits: seen.add(str(logits.device)))
    assert accuracy(model, DATA.images, DATA.labels, DATA.normalise, 8, DEVICE) == 1.0
    assert seen == {DEVICE}


def test_batches_are_made_on_the_device_of_the_same_random_numbers() -> None:
    images = np.random.default_rng(0).integers(0, 256, (16, 3, 8, 8), dtype=np.uint8)
    normalise = Normalise([0.5] * 3, [0.25] * 3)
    arguments = (images, np.arange(16), normalise, RECIPE, 0, 0)
    states = []
    for device in ("cpu", "meta"):
        torch.manual_seed(0)
        batches = list(training_batches(*arguments, None, device))
        assert {each.device.type for batch in batches for each in batch} == {device}
        assert [tuple(x.shape) for x, _ in batches] == [(8, 3, 8, 8)] * 2
        states.append(torch.get_rng_state())
    assert torch.equal(*states)


@pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter")
def test_a_checkpoint_of_a_device_goes_on_where_it_is_read(tmp_path: Path) -> None:
    def trained() -> Trainer:
        torch.manual_seed(0)
        return Trainer(network(), RECIPE.model_copy(update={"precision": "float32"}), DATA, 0)

    first, second = trained(), trained()
    first.train_epoch()
    save_checkpoint(tmp_path / "checkpoint", first, "recipe")
    load_checkpoint(tmp_path / "checkpoint", second, "recipe")
    assert momenta(first)
    assert all(torch.equal(momenta(second)[name], buffer) for name, buffer in momenta(first).items())
    moved = Trainer(second.model, second.training, DATA, 0, device="meta")
    load_checkpoint(tmp_path / "checkpoint", moved, "recipe")
    assert momenta(moved).keys() == momenta(first).keys()
    assert where(momenta(moved).values()) == {"meta"}


@pytest.mark.parametrize("choice", ["auto", "compiled", "integer"])
def test_engines_of_the_cpu_leave_other_devices_to_pytorch(choice: Any) -> None:
    assert choose_engine(choice, 10**9, "cuda:0") == "eager"
