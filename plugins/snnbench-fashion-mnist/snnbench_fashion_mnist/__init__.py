"""Fashion-MNIST (Xiao, Rasul and Vollgraf 2017, arXiv 1708.07747) for snnbench, from the published idx files."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from snnbench import hookimpl
from snnbench.data import Dataset
from snnbench.errors import DamagedDataError, DataError

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
_PREFIXES = {"train": "train", "test": "t10k"}
_BYTES = 8


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """The array of bytes in a gzipped idx file.

    Raises:
        DamagedDataError: if it is not such a file, or not all of one.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DamagedDataError(f"{path} is not a gzip file, or truncated: {error}") from error
    dimensions = content[3] if len(content) > 4 else 0
    shape = np.frombuffer(content[4 : 4 + 4 * dimensions], ">i4")
    values = content[4 + 4 * dimensions :]
    if not dimensions or content[2] != _BYTES or len(values) != shape.prod():
        raise DamagedDataError(f"{path} is truncated, or no idx file of bytes")
    return np.frombuffer(values, np.uint8).reshape(shape)


@dataclass(frozen=True)
class IdxFiles:
    """Gzipped idx files in the folder ``fashion-mnist`` of the root, else where Debian's package puts them."""

    installed: Path = DEBIAN

    def locate(self, root: Path) -> Path | None:
        """The folder of the files, or None."""
        return next((each for each in (root / "fashion-mnist", self.installed) if each.is_dir()), None)

    def files(self, root: Path) -> list[Path]:
        """The four files.

        Raises:
            DamagedDataError: if one of them is missing.
        """
        files = [path for split in _PREFIXES for path in self._pair(root, split)]
        for path in files:
            if not path.is_file():
                raise DamagedDataError(f"{path} is missing")
        return files

    def read(self, root: Path, split: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        """Images uint8 (N, 1, 28, 28) and labels int64 (N,)."""
        images, labels = (read_idx(path) for path in self._pair(root, split))
        return images[:, None], labels.astype(np.int64)

    def _pair(self, root: Path, split: str) -> tuple[Path, Path]:
        folder = self.locate(root)
        if folder is None:
            raise DataError(f"{root} has no folder fashion-mnist, and Debian's dataset-fashion-mnist is not installed")
        prefix = _PREFIXES[split]
        return folder / f"{prefix}-images-idx3-ubyte.gz", folder / f"{prefix}-labels-idx1-ubyte.gz"


fashion_mnist = Dataset(
    name="fashion-mnist",
    num_classes=10,
    input_shape=(1, 28, 28),
    fingerprints={
        "train": "0c69d5cdeb902b69084012f812f066de080317bb3c64f43ca87f910d8ec86906",
        "test": "90c92c0507755a7d443edde8297ce4d0f131e42884e2e87e7fc9b81ffe215258",
    },
    source=IdxFiles(),
)


@hookimpl
def snnbench_datasets() -> dict[str, Dataset]:
    """``fashion-mnist``: 60,000 and 10,000 grey images of 28 x 28 pixels, ten classes of clothes."""
    return {"fashion-mnist": fashion_mnist}
