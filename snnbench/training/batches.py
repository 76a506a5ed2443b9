"""Batches of images: normalised for evaluation, shuffled and augmented for training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from snnbench.data.content import Images, Labels
from snnbench.protocols import Training


class Normalise:
    """Bytes (N, C, H, W) to floats: ``(pixel / 255 - mean) / std`` per channel, in channels-last memory order."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        self.mean = torch.tensor(mean).view(1, -1, 1, 1)
        self.std = torch.tensor(std).view(1, -1, 1, 1)

    def __call__(self, images: Tensor) -> Tensor:
        """Normalised float32 images of uint8 `images`, on their device."""
        mean, std = self.mean.to(images.device), self.std.to(images.device)
        floats = images.float().div_(255).sub_(mean).div_(std)
        return floats.contiguous(memory_format=torch.channels_last)


def evaluation_batches(images: Images, normalise: Normalise, batch_size: int) -> Iterator[Tensor]:
    """All images in order."""
    for start in range(0, len(images), batch_size):
        yield normalise(torch.from_numpy(np.array(images[start : start + batch_size])))


def training_batches(
    images: Images,
    labels: Labels,
    normalise: Normalise,
    training: Training,
    seed: int,
    epoch: int,
    image_size: int | None = None,
    device: str = "cpu",
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch in an order that `seed` and `epoch` determine; the last incomplete batch is left out.

    Where the recipe has a number of images, so many that come first in that order.

    Bytes go to `device` and are augmented and normalised there; what is random is drawn on the CPU, so that it is the
    same on every device. `image_size`: see `augment`.
    """
    generator = torch.Generator().manual_seed(_mix(seed, epoch))
    order = _order(len(images), generator)[: training.images]
    size = training.batch_size
    for start in range(0, len(order) - size + 1, size):
        chosen = order[start : start + size]
        batch, answers = (torch.from_numpy(each[chosen]).to(device) for each in (images, labels))
        yield normalise(augment(batch, training, generator, image_size)), answers


def steps_per_epoch(count: int, training: Training) -> int:
    """Batches that `training_batches` yields an epoch, of `count` images."""
    return min(count, training.images or count) // training.batch_size


def augment(images: Tensor, training: Training, generator: torch.Generator, image_size: int | None = None) -> Tensor:
    """Crops at a random offset out of reflect-padded images, and flips of every other image, as `training` says.

    Crops are as large as the images, or squares of `image_size` pixels.
    """
    n, _, height, width = images.shape
    if training.crop_padding or image_size:
        padded = F.pad(images.float(), (training.crop_padding,) * 4, mode="reflect").to(images.dtype)
        rows = _window(n, padded.shape[2], image_size or height, generator)[:, :, None].to(images.device)
        columns = _window(n, padded.shape[3], image_size or width, generator)[:, None, :].to(images.device)
        every = torch.arange(n, device=images.device)[:, None, None]
        images = padded.permute(0, 2, 3, 1)[every, rows, columns].permute(0, 3, 1, 2)
    if training.flip:
        flipped = (torch.rand(n, generator=generator) < 0.5).to(images.device)
        images = torch.where(flipped.view(n, 1, 1, 1), images.flip(3), images)
    return images


def _order(count: int, generator: torch.Generator) -> npt.NDArray[np.int64]:
    return torch.randperm(count, generator=generator).numpy()


def _window(n: int, length: int, size: int, generator: torch.Generator) -> Tensor:
    return torch.randint(length - size + 1, (n, 1), generator=generator) + torch.arange(size)


def _mix(seed: int, epoch: int) -> int:
    state: np.uint32 = np.random.SeedSequence([seed, epoch]).generate_state(1)[0]
    return int(state)
