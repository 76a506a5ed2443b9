"""The two layouts that CIFAR is published in: the official binary one, and pickled batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from snnbench.data.content import Images, Labels
from snnbench.data.unpickle import unpickle_arrays
from snnbench.errors import DamagedDataError

Arrays = tuple[Images, Labels]


class Layout(Protocol):
    """A folder of files, each holding the images and labels of a part of a split."""

    @property
    def folder(self) -> str:
        """The folder's name under the root, and in the archive."""
        ...

    @property
    def parts(self) -> Mapping[str, Mapping[str, int]]:
        """For each split its files, and how many images each holds."""
        ...

    def check_size(self, path: Path, count: int, image_size: int) -> None:
        """Raise `DamagedDataError` if the file cannot hold ``count`` images of ``image_size`` bytes."""
        ...

    def read(self, path: Path, count: int, shape: tuple[int, int, int]) -> Arrays:
        """Images uint8 ``(count, *shape)`` and labels int64 ``(count,)`` of one file."""
        ...


@dataclass(frozen=True)
class BinaryLayout:
    """Files of records of one size: label bytes, of which the last is the label, then the pixels (C, H, W)."""

    folder: str
    parts: Mapping[str, Mapping[str, int]]
    label_bytes: int = 1

    def check_size(self, path: Path, count: int, image_size: int) -> None:
        expected, found = count * (self.label_bytes + image_size), path.stat().st_size
        if found != expected:
            raise DamagedDataError(f"{path} is truncated or altered: it has {found:,} bytes instead of {expected:,}")

    def read(self, path: Path, count: int, shape: tuple[int, int, int]) -> Arrays:
        records = np.fromfile(path, np.uint8).reshape(count, -1)
        labels = records[:, self.label_bytes - 1].astype(np.int64)
        return records[:, self.label_bytes :].reshape(count, *shape), labels


@dataclass(frozen=True)
class PickleLayout:
    """Files of pickled dicts with ``data``, uint8 ``(N, pixels)``, and a list of labels; read without running them."""

    folder: str
    parts: Mapping[str, Mapping[str, int]]
    label_key: str = "labels"

    def check_size(self, path: Path, count: int, image_size: int) -> None:
        least, found = count * image_size, path.stat().st_size
        if found < least:
            raise DamagedDataError(f"{path} is truncated: it has {found:,} bytes, and its pixels alone take {least:,}")

    def read(self, path: Path, count: int, shape: tuple[int, int, int]) -> Arrays:
        batch = unpickle_arrays(path)
        if missing := {"data", self.label_key} - batch.keys():
            raise DamagedDataError(f"{path} has no {' and no '.join(sorted(missing))!r}: it is of another layout")
        images, labels = np.asarray(batch["data"]), np.asarray(batch[self.label_key])
        expected = (count, int(np.prod(shape)))
        if images.dtype != np.uint8 or images.shape != expected or labels.shape != (count,):
            raise DamagedDataError(
                f"{path} holds images of shape {images.shape} instead of {expected}, or not as many labels"
            )
        return images.reshape(count, *shape), labels.astype(np.int64)
