"""A plugin as a distribution of its own: a protocol whose cells take milliseconds, and a quantizer that misbehaves."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from snnbench import hookimpl
from snnbench.data import Dataset, Embedded, fingerprint
from snnbench.nn.neurons import LIFNeuron

HERE = Path(__file__).parent
Fault = Literal["none", "raise", "sleep", "deaf", "die", "hungry", "greedy", "leap"]


class Tiny(nn.Module):
    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.timesteps = 2
        self.first = nn.Conv2d(channels, 4, 3)
        self.neuron = LIFNeuron()
        self.second = nn.Conv2d(4, 4, 3)
        self.last_neuron = LIFNeuron()
        self.head = nn.Linear(4, classes)

    def forward(self, images: Tensor) -> Tensor:
        if not is_parametrized(self.second) and images.any():  # zeros only show the order of the layers
            note_reference(images)
        t = self.timesteps
        spikes = self.neuron(self.first(images).expand(t, *([-1] * 4)))
        spikes = self.last_neuron(self.second(spikes.flatten(0, 1)).unflatten(0, (t, -1)))
        return self.head(spikes.mean((3, 4))).mean(0)


def note_reference(images: Tensor) -> None:
    """How many images went through the network in full precision, in whichever process."""
    with (HERE / "references").open("a", encoding="ascii") as log:
        log.write(f"{len(images)}\n")


def read_split(split: str) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng({"train": 0, "test": 1}[split])
    labels = np.arange(64, dtype=np.int64) % 2
    images = random.integers(0, 256, (64, 1, 8, 8), dtype=np.uint8)
    images[labels == 1, :, :4] //= 3
    return images, labels


def misbehave(how: str, seconds: float) -> None:
    if how == "raise":
        raise RuntimeError("this quantizer always fails")
    if how == "deaf":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    if how in ("sleep", "deaf"):
        time.sleep(seconds)
    if how == "die" or (how == "leap" and not (HERE / "died-once").exists()):
        (HERE / "died-once").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "hungry":
        torch.empty(1 << 60)
    if how == "greedy":
        hoard = bytearray()
        while True:
            hoard += b"\1" * (1 << 26)


def faulty(
    tensor: Tensor, *, bits: Annotated[int, Field(ge=1, le=4096)], how: Fault = "none", seconds: float = 0.0
) -> nn.Module:
    """Quantizes nothing; ``how`` says what goes wrong."""
    misbehave(how, seconds)
    return nn.Identity()


@hookimpl
def snnbench_quantizers() -> dict[str, object]:
    return {"faulty": faulty}


@hookimpl
def snnbench_models() -> dict[str, object]:
    return {"tiny": lambda input_shape, num_classes: Tiny(input_shape[0], num_classes)}


@hookimpl
def snnbench_datasets() -> dict[str, Dataset]:
    marks = {split: fingerprint(*read_split(split)) for split in ("train", "test")}
    return {"tiny": Dataset("tiny", 2, (1, 8, 8), marks, Embedded(read_split))}


@hookimpl
def snnbench_protocols() -> dict[str, Path]:
    return {"tiny": HERE / "tiny" / "protocol.toml"}
