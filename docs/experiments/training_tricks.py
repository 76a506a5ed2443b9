"""Training tricks, each alone, on 5,000 held-out training images of CIFAR-10; prints a Markdown table.

SEW-ResNet-8 of width 16, with IF neurons: eight QCFS epochs of 24 x 24 pixels, three of whole images, one at T = 4, an
epoch being 16,000 of the other 45,000 images. Run: ``python docs/experiments/training_tricks.py [NAME ...]`` (about
four core-minutes a row).
"""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from statistics import mean
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from snnbench.bench.bench import open_bench
from snnbench.nn.rectifier import Rectifier
from snnbench.protocols import Protocol, Stage
from snnbench.training.baseline import baseline_trainer
from snnbench.training.batches import _mix, _order, evaluation_batches, training_batches
from snnbench.training.firing_rate import penalising_rates
from snnbench.training.trainer import Trainer, set_timesteps

HELD_OUT, SEEDS = 5000, (0, 1)
STAGES = (
    Stage(timesteps=1, epochs=8, activation="qcfs", image_size=24),
    Stage(timesteps=1, epochs=3, activation="qcfs"),
    Stage(timesteps=4, epochs=1),
)
RECIPE = {"stages": STAGES, "images": 16_000, "regularize": {}, "weights": "float32"}
Images = tuple[Tensor, Tensor]


@dataclass
class Trick:
    """What is changed: keys of the recipe, the network, and what happens around each step."""

    recipe: dict[str, Any] = field(default_factory=dict)
    prepare: Callable[[Trainer], None] = lambda trainer: None
    finish: Callable[[Trainer], None] = lambda trainer: None
    engine: str = "auto"


def whiten(trainer: Trainer) -> None:
    """The first convolution starts with the largest principal components of patches, and their negatives."""
    weight: Tensor = trainer.model.get_submodule("stem.conv").weight  # type: ignore[assignment]
    images, _ = next(trainer._batches(STAGES[1], 0))
    patches = F.unfold(images, weight.shape[-1]).permute(0, 2, 1).flatten(0, 1)
    values, vectors = torch.linalg.eigh(torch.cov(patches.T))
    largest = (vectors / (values + 1e-2).sqrt()).T.flip(0)[: len(weight) // 2]
    with torch.no_grad():
        weight.copy_(torch.cat([largest, -largest]).view_as(weight))


def alternate_flips(trainer: Trainer) -> None:
    """Each image is flipped in every other epoch, and half of them in the first (Jordan 2024, arXiv 2404.00498)."""
    first = torch.rand(len(trainer.data.images), generator=torch.Generator().manual_seed(trainer.seed)) < 0.5

    def batches(stage: Stage, epoch: int) -> Iterator[Images]:
        data, training = trainer.data, trainer.training
        order = _order(len(data.images), torch.Generator().manual_seed(_mix(trainer.seed, epoch)))
        plain = training.model_copy(update={"flip": False})
        arguments = data.images, data.labels, data.normalise, plain, trainer.seed, epoch, stage.image_size
        for index, (images, labels) in enumerate(training_batches(*arguments)):
            chosen = order[index * training.batch_size :][: training.batch_size]
            flipped = first[chosen].logical_xor(torch.tensor(bool(epoch % 2)))
            yield torch.where(flipped.view(-1, 1, 1, 1), images.flip(3), images), labels

    trainer._batches = batches  # type: ignore[method-assign]


def after_steps(trainer: Trainer, then: Callable[[int], None]) -> None:
    """Call `then` with the number of steps done, after each."""
    step, count = trainer.optimizer.step, [0]

    def counted(*arguments: Any) -> None:
        step(*arguments)
        count[0] += 1
        then(count[0])

    trainer.optimizer.step = counted  # type: ignore[assignment, method-assign]


def look_ahead(trainer: Trainer) -> None:
    """Slow weights follow half of the way every five steps, and the fast ones start again from there (Zhang 2019)."""
    fast = list(trainer.model.parameters())
    slow = [weight.detach().clone() for weight in fast]

    def follow(done: int) -> None:
        if done % 5 == 0:
            with torch.no_grad():
                for kept, weight in zip(slow, fast, strict=True):
                    weight.copy_(kept.lerp_(weight, 0.5))

    after_steps(trainer, follow)


AVERAGES: dict[int, dict[str, Tensor]] = {}


def average(trainer: Trainer) -> None:
    """Keep a moving average of all weights and statistics, of decay 0.99."""
    kept = AVERAGES[id(trainer)] = {name: value.clone() for name, value in trainer.model.state_dict().items()}

    def follow(done: int) -> None:
        for name, value in trainer.model.state_dict().items():
            kept[name].lerp_(value, 0.01) if value.is_floating_point() else kept[name].copy_(value)

    after_steps(trainer, follow)


def take_average(trainer: Trainer) -> None:
    """The averages in place of the weights."""
    trainer.model.load_state_dict(AVERAGES.pop(id(trainer)))


class Dithered(Rectifier):
    """Rounds at random, half a level up or down at most, as the times of spikes do."""

    def forward(self, x: Tensor) -> Tensor:
        """Rates, of the currents' shape."""
        if not self.training:
            return super().forward(x)
        line = (x / self.neuron.threshold).clamp(0, 1)
        with torch.no_grad():
            rounding = (line * self.levels + torch.rand_like(line)).floor() / self.levels - line
        return line + rounding


def dither(trainer: Trainer) -> None:
    """Levels are rounded to at random in training."""
    for part in trainer.forms["qcfs"].modules():
        if isinstance(part, Rectifier):
            part.__class__ = Dithered


def distil(trainer: Trainer) -> None:
    """With spikes, the distance to the answers of the network without time, as it was at the switch, joins the loss."""
    twin: list[nn.Module] = []
    inside, losses = trainer._step, []

    def step(model: nn.Module, stage: Stage, images: Tensor, labels: Tensor) -> Images:
        if stage.activation != "spikes":
            return inside(model, stage, images, labels)
        if not twin:
            twin.append(copy.deepcopy(trainer.forms["qcfs"]).eval())
        with torch.no_grad():
            targets = twin[0](images).float().softmax(1)
        losses[:] = [targets]
        return inside(model, stage, images, labels)

    def distance() -> Tensor:
        if not losses:
            return torch.zeros(())
        return F.cross_entropy(logits[0].float(), losses.pop())

    logits: list[Tensor] = []
    trainer.forms["spikes"].register_forward_hook(
        lambda module, inputs, output: logits.__setitem__(slice(None), [output])
    )
    trainer._step, trainer.extra_loss = step, distance  # type: ignore[method-assign]


def stages(**changes: Any) -> tuple[Stage, ...]:
    """The recipe's stages without time, changed; and that at T = 4."""
    return *(stage.model_copy(update=changes) for stage in STAGES[:2]), STAGES[2]


TRICKS = {
    "the recipe": Trick(),
    "no label smoothing": Trick({"label_smoothing": 0.0}),
    "whole images throughout": Trick({"stages": stages(image_size=None)}),
    "a penalty of 0.3 on the rate": Trick({"regularize": {"firing_rate": 0.3}}),
    "alternating flips": Trick(prepare=alternate_flips),
    "lookahead": Trick(prepare=look_ahead),
    "averaged weights": Trick(prepare=average, finish=take_average),
    "whitened first layer": Trick(prepare=whiten),
    "dithered levels": Trick(prepare=dither, engine="eager"),
    "distilled at T = 4": Trick(prepare=distil),
}


def held_out(trainer: Trainer) -> tuple[Trainer, Callable[[nn.Module], float]]:
    """The trainer on all but the last training images, and what measures on those."""
    data = trainer.data
    trainer.data = replace(data, images=data.images[:-HELD_OUT], labels=data.labels[:-HELD_OUT])
    labels = torch.from_numpy(np.array(data.labels[-HELD_OUT:]))

    def measure(model: nn.Module) -> float:
        with torch.no_grad():
            batches = evaluation_batches(data.images[-HELD_OUT:], data.normalise, 500)
            answers = torch.cat([model(images).argmax(1) for images in batches])
        return float((answers == labels).double().mean())

    return trainer, measure


def run(protocol: Protocol, trick: Trick, seed: int) -> tuple[float, float, float, float]:
    """Accuracy without time, right after the switch and at the end, and minutes of the processor."""
    dataset = open_bench("cifar10-sew8").dataset
    training = protocol.train.model_copy(update={**RECIPE, **trick.recipe})
    changed = protocol.model_copy(update={"train": training})
    trainer, measure = held_out(baseline_trainer(changed, dataset, None, seed, trick.engine))  # type: ignore[arg-type]
    trick.prepare(trainer)
    started = time.process_time()
    with penalising_rates(trainer):
        while not trainer.finished:
            if trainer.switches:
                trainer.measure_switch(measure)
            trainer.train_epoch()
    trick.finish(trainer)
    minutes = (time.process_time() - started) / 60
    set_timesteps(trainer.model, 4)
    switch = trainer.progress.switch or {}
    return switch["qcfs"], switch["spikes"], measure(trainer.model.eval()), minutes


def main() -> None:
    """Print a row for each trick, means of the seeds with half their distance."""
    protocol = open_bench("cifar10-sew8").protocol
    model = protocol.model.model_copy(update={"options": {**protocol.model.options, "width": 16}})
    protocol = protocol.model_copy(update={"model": model})
    sys.stdout.write("| trick | without time | as spikes, untrained | after the epoch at T = 4 | core-minutes |\n")
    sys.stdout.write("|---|--:|--:|--:|--:|\n")
    for name in sys.argv[1:] or TRICKS:
        *accuracies, minutes = zip(*(run(protocol, TRICKS[name], seed) for seed in SEEDS), strict=True)
        shown = (f"{100 * mean(each):.1f} ± {50 * (max(each) - min(each)):.1f}" for each in accuracies)
        sys.stdout.write(f"| {name} | {' | '.join(shown)} | {mean(minutes):.1f} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
