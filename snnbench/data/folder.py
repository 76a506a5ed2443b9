"""A data set in a folder of one's own."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from snnbench.data.content import fingerprint
from snnbench.data.dataset import Dataset
from snnbench.data.layouts import Arrays
from snnbench.data.sources import Embedded
from snnbench.errors import DataError

SPLITS = ("train", "test")
_DAMAGED = (EOFError, zipfile.BadZipFile, zlib.error, TypeError)
"""What numpy and zipfile raise at files that end early, are damaged, or hold one array alone."""


def folder_dataset(folder: Path) -> Dataset:
    """The data set of a folder: ``test.npz`` and, for calibration and fine-tuning, ``train.npz``.

    Each holds ``images``, uint8 (N, C, H, W), and ``labels``, whole numbers from 0 on.

    Raises:
        DataError: if there is no ``test.npz``, or a file does not hold that.
    """
    splits = {split: _read(folder / f"{split}.npz") for split in SPLITS if (folder / f"{split}.npz").is_file()}
    if "test" not in splits:
        raise DataError(
            f"'{folder}' holds no test.npz; write one: numpy.savez('test.npz', images=..., labels=...), images uint8 "
            "(N, C, H, W)"
        )
    shapes = {images.shape[1:] for images, _ in splits.values()}
    if len(shapes) > 1:
        raise DataError(f"'{folder}': images of {' and '.join(map(str, sorted(shapes)))} in train.npz and test.npz")
    channels, height, width = shapes.pop()
    return Dataset(
        name=str(folder),
        num_classes=1 + max(int(labels.max()) for _, labels in splits.values()),
        input_shape=(channels, height, width),
        fingerprints={split: fingerprint(*arrays) for split, arrays in splits.items()},
        source=Embedded(splits.__getitem__),
    )


def _read(file: Path) -> Arrays:
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
            images, labels = content["images"], content["labels"]
    except (OSError, ValueError, KeyError, *_DAMAGED) as error:
        raise DataError(f"'{file}' does not hold arrays 'images' and 'labels' ({error})") from error
    if images.dtype != np.uint8 or images.ndim != 4 or labels.shape != images.shape[:1] or not len(labels):
        raise DataError(f"'{file}': images {images.dtype} {images.shape}, not uint8 (N, C, H, W) with N labels")
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() > 255:
        raise DataError(f"'{file}': labels are not whole numbers in 0..255")
    return images, labels.astype(np.int64)
