"""Where the images of a data set come from: files under a root, or a package."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from snnbench.data.layouts import Arrays, Layout
from snnbench.errors import DamagedDataError, DataError


class Source(Protocol):
    """What a `Dataset` reads from; the order of the images is of no importance."""

    def locate(self, root: Path) -> Path | None:
        """The folder under ``root`` that the files lie in, ``None`` if there is none; reads nothing."""
        ...

    def files(self, root: Path) -> list[Path]:
        """All files of the data set, each of the right size.

        Raises:
            DamagedDataError: a file is missing or truncated.
        """
        ...

    def read(self, root: Path, split: str) -> Arrays:
        """Images uint8 ``(N, C, H, W)`` and labels int64 ``(N,)`` of a split.

        Raises:
            DamagedDataError: a file is not what it should be.
        """
        ...


@dataclass(frozen=True)
class Embedded:
    """Images that come with a package: ``read_split(split)`` gives images and labels. There are no files to prepare."""

    read_split: Callable[[str], Arrays]

    def locate(self, root: Path) -> Path | None:
        return None

    def files(self, root: Path) -> list[Path]:
        return []

    def read(self, root: Path, split: str) -> Arrays:
        return self.read_split(split)


@dataclass(frozen=True)
class Archived:
    """Files in one of several layouts, unpacked from an archive: the first layout whose folder is there is read.

    Attributes:
        url: address of the archive of the first layout.
        md5: its MD5 sum, in hex.
        layouts: the layouts known, preferred first.
        input_shape: (C, H, W) of the images.
    """

    url: str
    md5: str
    layouts: tuple[Layout, ...]
    input_shape: tuple[int, int, int]

    def find_layout(self, root: Path) -> Layout | None:
        """The layout whose folder lies under ``root``."""
        return next((layout for layout in self.layouts if (root / layout.folder).is_dir()), None)

    def locate(self, root: Path) -> Path | None:
        layout = self.find_layout(root)
        return root / layout.folder if layout else None

    def files(self, root: Path) -> list[Path]:
        layout = self._layout(root)
        counts = {root / layout.folder / name: count for part in layout.parts.values() for name, count in part.items()}
        for path, count in counts.items():
            if not path.is_file():
                raise DamagedDataError(f"{path} is missing")
            layout.check_size(path, count, int(np.prod(self.input_shape)))
        return list(counts)

    def read(self, root: Path, split: str) -> Arrays:
        layout = self._layout(root)
        folder = root / layout.folder
        parts = [layout.read(folder / name, count, self.input_shape) for name, count in layout.parts[split].items()]
        images, labels = zip(*parts, strict=True)
        return np.concatenate(images), np.concatenate(labels)

    def _layout(self, root: Path) -> Layout:
        if layout := self.find_layout(root):
            return layout
        folders = " or ".join(layout.folder for layout in self.layouts)
        raise DataError(f"{root} has no folder {folders}")
