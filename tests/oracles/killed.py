"""A short training in a process of its own, which may be killed on its way."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

IMAGES = 192


def train(out: Path, end: float, first: str, environment: Mapping[str, str]) -> None:
    """Train for four epochs, the first of kind `first`, or die when the part `end` is done; all is in `out`."""
    os.environ.clear()
    os.environ.update(environment)
    import torch

    from snnbench.protocols import Stage
    from snnbench.training.baseline import open_training, save_weights, train_baseline

    trainer, document, _ = open_training("digits-sew8", None, 0, "eager")
    torch.set_num_threads(1)
    trainer.stages = trainer.stages[:4]
    trainer.data = replace(trainer.data, images=trainer.data.images[:IMAGES], labels=trainer.data.labels[:IMAGES])
    trainer.steps_per_epoch = IMAGES // document.train.batch_size
    if first == "qcfs":
        trainer.stages[:2] = [Stage(timesteps=1, epochs=1, activation=first)] * 2
    if first == "averaged":
        trainer.stages[1:] = [Stage(timesteps=4, epochs=1, gradient="averaged")] * 3

    def report(done: int, total: int) -> None:
        if done > end * total:
            os.kill(os.getpid(), signal.SIGKILL)

    with (out / "epochs").open("w", encoding="ascii", buffering=1) as told:

        def tell(row: Mapping[str, object]) -> None:
            told.write(f"{row['epoch']}\n")

        train_baseline(trainer, document, out / "checkpoint", report, tell, lambda model: 0.5)
    save_weights(trainer.model, document, 0, out / "weights.safetensors")
