"""Training by a protocol's recipe: the same loop makes baselines and fine-tunes quantized networks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from snnbench.data.content import Images, Labels
from snnbench.engine import EAGER, EngineName
from snnbench.errors import ProtocolError
from snnbench.nn import averaged_gradients
from snnbench.nn.walk import Timed, timesteps_of, unwrapped
from snnbench.protocols import Stage, Training
from snnbench.training.batches import Normalise, steps_per_epoch, training_batches

_Report = Callable[[int, int], None]


@dataclass(frozen=True)
class TrainingSet:
    """Training images (N, C, H, W) uint8, labels (N,), and how to normalise a batch."""

    images: Images
    labels: Labels
    normalise: Normalise


@dataclass
class TrainingProgress:
    """Where a training stands: epochs done, a log row for each of them, and accuracies where spikes took over.

    `switch` has the accuracy of the network without time (``qcfs``) and, of the same weights, with ``spikes``.
    """

    epochs: int = 0
    log: list[dict[str, Any]] = field(default_factory=list)
    switch: dict[str, float] | None = None


class Trainer:
    """Trains `model` in place, an epoch at a time, so that a checkpoint may be taken between epochs.

    Args:
        model: the network; its ``timesteps`` attribute follows the stages of `training`.
        training: the recipe.
        data: the training split.
        seed: with the epoch number determines order and augmentation.
        engine: which form of the network `model` is, for the log.
        timeless: the qcfs network of the same parameters by its name, for the stages that train it.
        device: where all of it happens, as PyTorch names it; the network is moved there.
    """

    def __init__(
        self,
        model: nn.Module,
        training: Training,
        data: TrainingSet,
        seed: int,
        engine: EngineName = EAGER.name,
        timeless: Mapping[str, nn.Module] = MappingProxyType({}),
        device: str = "cpu",
    ) -> None:
        self.model, self.training, self.data, self.seed = model, training, data, seed
        self.engine, self.device = engine, device
        self.forms = {"spikes": model, **timeless}
        for form in self.forms.values():
            form.to(device)
        self.extra_loss: Callable[[], Tensor] | None = None
        """A term added to the cross entropy after each forward pass, if any."""
        self.progress = TrainingProgress()
        self.optimizer = _optimizer(model, training)
        self.steps_per_epoch = steps_per_epoch(len(data.images), training)
        if not self.steps_per_epoch:
            images = training.images or len(data.images)
            raise ProtocolError(f"batch_size={training.batch_size} is larger than the {images} training images")
        self.stages = [stage for stage in training.stages for _ in range(stage.epochs)]
        _check_image_sizes(training, data.images.shape)
        _check_last_timesteps(training, model)

    def work_of(self, stage: Stage) -> int:
        """Work of a step of the optimizer: time steps times pixels of an image."""
        _, _, height, width = self.data.images.shape
        return stage.timesteps * (stage.image_size**2 if stage.image_size else height * width)

    @property
    def work(self) -> int:
        """Work of the whole training."""
        return self.steps_per_epoch * sum(map(self.work_of, self.stages))

    @property
    def work_done(self) -> int:
        """Work of the epochs that are done."""
        return self.steps_per_epoch * sum(map(self.work_of, self.stages[: self.progress.epochs]))

    @property
    def finished(self) -> bool:
        """Whether every epoch is done."""
        return self.progress.epochs == len(self.stages)

    @property
    def switches(self) -> bool:
        """Whether the next epoch is the first with spikes, after one of a qcfs network."""
        before = [stage.activation for stage in self.stages[: self.progress.epochs]]
        return before[-1:] == ["qcfs"] and self.stages[len(before)].activation == "spikes"

    def measure_switch(self, measure: Callable[[nn.Module], float]) -> None:
        """Note what `measure` says of the network without time, and of the same weights as spikes."""
        last = self.stages[-1].timesteps
        for form, timesteps in (("qcfs", 1), ("spikes", last)):
            set_timesteps(self.forms[form], timesteps)
            self.progress.switch = {**(self.progress.switch or {}), form: measure(self.forms[form].eval())}

    def train_epoch(self, report: _Report = lambda done, total: None) -> None:
        """Train the next epoch; `report` hears of the work done and in all after each step."""
        epoch, started = self.progress.epochs, time.monotonic()
        stage = self.stages[epoch]
        model = self._in_training(stage)
        loss_sum = correct = torch.zeros((), dtype=torch.float64)
        batches = self._batches(stage, epoch)
        for index, (images, labels) in enumerate(batches):
            self._set_rate(epoch * self.steps_per_epoch + index)
            loss, right = self._step(model, stage, images, labels)
            loss_sum, correct = loss_sum + loss, correct + right
            report(self.work_done + (index + 1) * self.work_of(stage), self.work)
        seen = self.steps_per_epoch * self.training.batch_size
        self.progress.log.append(
            {
                "epoch": epoch + 1,
                "timesteps": stage.timesteps,
                "loss": round(float(loss_sum) / self.steps_per_epoch, 5),
                "train_accuracy": round(float(correct) / seen, 5),
                "seconds": round(time.monotonic() - started, 1),
            }
        )
        self.progress.epochs += 1

    def step_once(self) -> None:
        """One step of the optimizer on the first batch, outside the count of epochs; ends when the device is done."""
        stage = self.stages[0]
        loss, _ = self._step(self._in_training(stage), stage, *next(self._batches(stage, 0)))
        float(loss)

    def _batches(self, stage: Stage, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        data = self.data
        return training_batches(
            *(data.images, data.labels, data.normalise, self.training, self.seed, epoch),
            *(stage.image_size, self.device),
        )

    def _in_training(self, stage: Stage) -> nn.Module:
        model = self.forms[stage.activation]
        set_timesteps(model, stage.timesteps)
        return model.train()

    def _step(self, model: nn.Module, stage: Stage, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and number of right answers, left on the device: a step does not wait for it."""
        self.optimizer.zero_grad(set_to_none=True)
        kind = torch.device(self.device).type
        low_precision = torch.autocast(kind, torch.bfloat16, enabled=self.training.precision == "bfloat16")
        with low_precision, averaged_gradients(stage.gradient == "averaged"):
            logits = model(images)
        logits = logits.float()
        loss = F.cross_entropy(logits, labels, label_smoothing=self.training.label_smoothing)
        if self.extra_loss is not None:
            loss = loss + self.extra_loss()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return loss.detach().double(), (logits.argmax(1) == labels).sum()

    def _set_rate(self, step: int) -> None:
        rate = self.training.learning_rate * cycle(step, self.steps_per_epoch * len(self.stages), self.training.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate


def cycle(step: int, steps: int, warmup: float) -> float:
    """Fraction of the peak learning rate at `step` of `steps`: linear up over the `warmup` part, linear down to 0."""
    at = (step + 1) / (steps + 1)
    return at / warmup if at < warmup else (1 - at) / (1 - warmup)


def set_timesteps(model: nn.Module, timesteps: int) -> None:
    """Make `model` run `timesteps` steps.

    Raises:
        ProtocolError: if the model has another number of steps and does not let it be changed.
    """
    inside = unwrapped(model)
    if isinstance(inside, Timed) and inside.timesteps != timesteps:
        try:
            inside.timesteps = timesteps
        except AttributeError as error:
            raise ProtocolError(f"model {type(model).__name__} does not run {timesteps} time steps") from error


def _check_image_sizes(training: Training, shape: tuple[int, ...]) -> None:
    for stage in training.stages:
        if stage.image_size and stage.image_size > min(shape[2:]):
            raise ProtocolError(f"image_size = {stage.image_size} is larger than the images of {shape[2]} x {shape[3]}")


def _check_last_timesteps(training: Training, model: nn.Module) -> None:
    last = training.stages[-1].timesteps
    if (timesteps_of(model) or last) != last:
        raise ProtocolError(f"the last stage is of T = {last}, and the model of T = {timesteps_of(model)}")


def _optimizer(model: nn.Module, training: Training) -> torch.optim.SGD:
    decayed = [p for name, p in model.named_parameters() if _decays(name, p)]
    others = [p for name, p in model.named_parameters() if not _decays(name, p)]
    groups = [{"params": decayed, "weight_decay": training.weight_decay}, {"params": others, "weight_decay": 0.0}]
    nesterov = training.momentum > 0
    return torch.optim.SGD(groups, training.learning_rate, training.momentum, nesterov=nesterov)


def _decays(name: str, parameter: nn.Parameter) -> bool:
    in_quantizer = ".parametrizations." in name and not name.endswith(".original")
    return parameter.ndim > 1 and not in_quantizer
