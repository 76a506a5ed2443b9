"""Common corruptions of images, as Hendrycks and Dietterich 2019 (arXiv 1903.12261) define them for CIFAR-10-C.

Five of theirs, that need nothing but arithmetic: so that every machine makes the same bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from snnbench.data.content import Images
from snnbench.data.layouts import Arrays
from snnbench.errors import DataError

SEVERITIES = (1, 3, 5)
PER_KIND = 2000
"""Images of each corruption and severity: the first so many of the test set in the order of their digests."""

_CLEAR = 1e-6  # what is a whole number but for rounding is not cut to the one below it

Pixels = NDArray[np.float64]
Corruption = Callable[[Pixels, int, np.random.RandomState], Pixels]


def gaussian_noise(pixels: Pixels, severity: int, draw: np.random.RandomState) -> Pixels:
    """Normal noise of standard deviation 0.04 to 0.1 of the full range."""
    scale = (0.04, 0.06, 0.08, 0.09, 0.10)[severity - 1]
    noise: Pixels = draw.normal(scale=scale, size=pixels.shape)
    return pixels + 255 * noise


def shot_noise(pixels: Pixels, severity: int, draw: np.random.RandomState) -> Pixels:
    """Poisson noise of 500 down to 50 photons for a white pixel."""
    photons = (500, 250, 100, 75, 50)[severity - 1]
    counted: Pixels = draw.poisson(pixels * photons / 255).astype(np.float64)
    return 255 * counted / photons


def gaussian_blur(pixels: Pixels, severity: int, draw: np.random.RandomState) -> Pixels:
    """Gaussian blur of 0.4 to 1 pixels; edges are repeated."""
    from scipy.ndimage import gaussian_filter

    sigma = (0.4, 0.6, 0.7, 0.8, 1.0)[severity - 1]
    blurred: Pixels = gaussian_filter(pixels, (0, 0, sigma, sigma), mode="nearest", truncate=4.0)
    return blurred


def brightness(pixels: Pixels, severity: int, draw: np.random.RandomState) -> Pixels:
    """The value of the HSV model raised by 0.05 to 0.3; hue and saturation stay."""
    value = pixels.max(axis=1, keepdims=True)
    raised = np.minimum(value + 255 * (0.05, 0.1, 0.15, 0.2, 0.3)[severity - 1], 255)
    bright: Pixels = np.where(value > 0, pixels * raised / np.maximum(value, 1), raised)
    return bright


def contrast(pixels: Pixels, severity: int, draw: np.random.RandomState) -> Pixels:
    """Each channel drawn to its mean: 0.75 down to 0.15 of its contrast is left."""
    kept = (0.75, 0.5, 0.4, 0.3, 0.15)[severity - 1]
    # Pixels are whole numbers, so that their sum is exact in whatever order it is taken.
    mean = pixels.sum(axis=(2, 3), keepdims=True) / (pixels.shape[2] * pixels.shape[3])
    drawn: Pixels = pixels * kept + mean * (1 - kept)
    return drawn


CORRUPTIONS: dict[str, Corruption] = {
    "gaussian_noise": gaussian_noise,
    "shot_noise": shot_noise,
    "gaussian_blur": gaussian_blur,
    "brightness": brightness,
    "contrast": contrast,
}


def corrupt(images: Images, corruption: str, severity: int) -> Images:
    """Corrupted copies of `images`, uint8 (N, C, H, W); the same for the same arguments, on every machine.

    Args:
        images: uint8 (N, C, H, W).
        corruption: one of `CORRUPTIONS`.
        severity: 1 to 5.

    Raises:
        DataError: if there is no such corruption or severity.
    """
    if corruption not in CORRUPTIONS or severity not in range(1, 6):
        raise DataError(
            f"there is no corruption {corruption!r} of severity {severity}; there are {', '.join(CORRUPTIONS)}, 1 to 5"
        )
    draw = np.random.RandomState(zlib.crc32(f"{corruption} {severity}".encode()))
    corrupted = CORRUPTIONS[corruption](images.astype(np.float64), severity, draw)
    return np.floor(np.clip(corrupted, 0, 255) + _CLEAR).astype(np.uint8)


class _Base(Protocol):
    """The data set that is corrupted, as a `Dataset` is."""

    def load(self, root: Path | None, split: str) -> Arrays: ...

    def locate(self, root: Path | None) -> Path | None: ...

    def files(self, root: Path | None) -> list[Path]: ...


@dataclass(frozen=True)
class Corrupted:
    """A source that corrupts another data set's test images, in five ways and three severities; training is clean."""

    base: _Base

    def locate(self, root: Path) -> Path | None:
        """Where the data set lies that is corrupted."""
        return self.base.locate(root)

    def files(self, root: Path) -> list[Path]:
        """Its files."""
        return self.base.files(root)

    def read(self, root: Path, split: str) -> Arrays:
        """Clean training images, or `PER_KIND` test images in each corruption and severity, one kind after another."""
        images, labels = self.base.load(root, split)
        if split != "test":
            return images, labels
        kinds = [(name, severity) for name in CORRUPTIONS for severity in SEVERITIES]
        chosen = np.asarray(images[:PER_KIND])
        return np.concatenate([corrupt(chosen, *kind) for kind in kinds]), np.tile(labels[:PER_KIND], len(kinds))
