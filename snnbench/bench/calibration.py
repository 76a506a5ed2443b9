"""Calibration on a protocol's calibration images: a seeded subset of the training split, never of the test split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from snnbench.bench.bench import Bench
from snnbench.data.content import Images
from snnbench.engine import engine_form, training_engine_of
from snnbench.nn.walk import timesteps_of
from snnbench.quant import Calibrated, quantizers
from snnbench.quant.calibration import calibrate
from snnbench.reporting import Reporter
from snnbench.training.batches import Normalise, evaluation_batches


@dataclass(frozen=True)
class CalibrationBatches:
    """Normalised batches of `images` (N, C, H, W) uint8, the same in every iteration."""

    images: Images
    normalise: Normalise
    batch_size: int
    device: str = "cpu"

    def __iter__(self) -> Iterator[Tensor]:
        return (batch.to(self.device) for batch in evaluation_batches(self.images, self.normalise, self.batch_size))


def calibration_images(bench: Bench) -> Images:
    """The protocol's calibration images: as many as it says, or the whole training split if that is smaller."""
    data = bench.protocol.data
    images, _ = bench.dataset.load(bench.root, "train")
    count = min(data.calibration_images, len(images))
    chosen = np.random.default_rng(data.calibration_seed).choice(len(images), count, replace=False)
    return images[np.sort(chosen)]


def calibrate_quantizers(bench: Bench, model: nn.Module, reporter: Reporter) -> None:
    """Calibrate the weight quantizers of `model` that offer it, on the bench's device; `model` stays on the CPU."""
    offering = sum(isinstance(quantizer, Calibrated) for quantizer in quantizers(model).values())
    if not offering:
        return
    images = calibration_images(bench)
    reporter.say(f"Calibrating on {len(images)} training images")
    batches = CalibrationBatches(images, bench.normalise, bench.protocol.evaluate.batch_size, bench.device)
    engine = training_engine_of(bench.engine_for(len(images) * (timesteps_of(model) or 1) * offering))
    calibrate(model.to(bench.device), batches, engine_form(model, engine))
    model.cpu()
