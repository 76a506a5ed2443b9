"""A data set: its shape, the fingerprint of its content, and the one way to load it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snnbench.data import cache
from snnbench.data.content import combine, in_digest_order, record_digests
from snnbench.data.layouts import Arrays
from snnbench.data.sources import Archived, Embedded, Source
from snnbench.errors import DamagedDataError, DataError
from snnbench.folders import resolve_root


@dataclass(frozen=True)
class Dataset:
    """A data set whose content is pinned.

    Attributes:
        name: what users call it.
        num_classes: number of classes, at most 256; labels are 0 to ``num_classes - 1``.
        input_shape: (C, H, W) of an image.
        fingerprints: for each split, ``train`` and ``test``, its content fingerprint in hex
            (see `snnbench.data.content`).
        source: where the images come from.
    """

    name: str
    num_classes: int
    input_shape: tuple[int, int, int]
    fingerprints: Mapping[str, str]
    source: Source

    @property
    def is_embedded(self) -> bool:
        """Whether the images come with a package, so that there is nothing to prepare."""
        return isinstance(self.source, Embedded)

    def locate(self, root: Path | None) -> Path | None:
        """The folder that the files lie in; ``None`` if the data set is not prepared under ``root``, or embedded."""
        return self.source.locate(resolve_root(root))

    def is_prepared(self, root: Path | None) -> bool:
        """Whether the data set is embedded, or its folder is there; takes no time, and loading tells of any damage."""
        return self.is_embedded or self.locate(root) is not None

    def files(self, root: Path | None) -> list[Path]:
        """All files of the data set, their sizes checked.

        Raises:
            DataError: the data set is not prepared.
            DamagedDataError: a file is missing or truncated.
        """
        if not self.is_prepared(root):
            raise DataError(
                f"{self.name} is not prepared in {resolve_root(root)}: {self._remedy}, "
                "or name the folder that holds it by --data or SNNBENCH_DATA"
            )
        return self.source.files(resolve_root(root))

    def load(self, root: Path | None, split: str) -> Arrays:
        """Images uint8 ``(N, C, H, W)`` and labels int64 ``(N,)``, in the order of their digests.

        The size of every file is checked first; the content is checked when the files have changed since the last
        check. The images are mapped from a cache; writing to them changes nothing outside this process.

        Args:
            root: the folder of the data sets; ``None`` for the default (see `snnbench.data.resolve_root`).
            split: ``train`` or ``test``.

        Raises:
            DataError: not prepared, a file is missing, truncated or altered, or the cache cannot be written.
        """
        expected = self._expected(split)
        records = cache.records_path(self.name, split, expected)
        with self._advice(root):
            identity = cache.identify(self.files(root))
            if not (cache.is_checked(identity, expected) and cache.has_records(records, expected)):
                self._keep(root, split, identity)
        return cache.map_records(records, self.input_shape)

    def refresh(self, root: Path | None) -> dict[str, int]:
        """Check the content of all splits in full, and make their cache anew; gives the number of images of each.

        Raises:
            DataError: as `load`.
        """
        with self._advice(root):
            identity = cache.identify(self.files(root))
            return {split: self._keep(root, split, identity) for split in self.fingerprints}

    def check(self, root: Path | None) -> None:
        """Check the content of all splits in full, and remember nothing of it.

        Raises:
            DataError: not prepared.
            DamagedDataError: a file is missing, truncated or altered.
        """
        self.files(root)
        for split in self.fingerprints:
            self._read_checked(root, split)

    @contextmanager
    def _advice(self, root: Path | None) -> Iterator[None]:
        try:
            yield
        except DamagedDataError as error:
            folder = self.locate(root)
            advice = f"remove {folder} and {self._remedy}" if folder else "install it again"
            raise DamagedDataError(f"{error}; {advice}") from error

    @property
    def base(self) -> Dataset | None:
        """The data set that this one is made from, as a corrupted one is; None if it has files of its own."""
        found: Dataset | None = getattr(self.source, "base", None)
        return found

    @property
    def _remedy(self) -> str:
        if self.base is not None:
            return f"it is made from {self.base.name}, so {self.base._remedy}"
        if isinstance(self.source, Archived):
            return f"run 'snnbench data prepare {self.name}'"
        return "put its files there as the plugin that brings it says"

    def _expected(self, split: str) -> str:
        if split not in self.fingerprints:
            raise DataError(f"{self.name} has no split {split!r}; it has {' and '.join(self.fingerprints)}")
        return self.fingerprints[split]

    def _keep(self, root: Path | None, split: str, identity: str) -> int:
        expected = self.fingerprints[split]
        arrays, digests = self._read_checked(root, split)
        images, labels = in_digest_order(*arrays, digests)
        records = cache.records_path(self.name, split, expected)
        cache.write_records(records, images, labels, expected)
        cache.remember_checked(identity, expected)
        return len(labels)

    def _read_checked(self, root: Path | None, split: str) -> tuple[Arrays, list[bytes]]:
        images, labels = self._read(root, split)
        digests = record_digests(images, labels)
        found, expected = combine(digests), self.fingerprints[split]
        if found != expected:
            raise DamagedDataError(
                f"{self._origin(root)} is altered: the fingerprint of the {split} split of {self.name} is "
                f"{found[:16]}... instead of {expected[:16]}..."
            )
        return (images, labels), digests

    def _read(self, root: Path | None, split: str) -> Arrays:
        try:
            images, labels = self.source.read(resolve_root(root), split)
        except OSError as error:
            raise DamagedDataError(f"cannot read {error.filename}: {error.strerror}") from error
        if images.dtype != np.uint8 or images.shape != (len(labels), *self.input_shape):
            found = f"{len(labels)} labels and {images.dtype} images of shape {images.shape}"
            raise DamagedDataError(f"{self._origin(root)}: {found} do not fit images of shape {self.input_shape}")
        if labels.min() < 0 or labels.max() >= self.num_classes:
            raise DamagedDataError(f"{self._origin(root)}: labels of {split} are not in 0..{self.num_classes - 1}")
        return images, labels

    def _origin(self, root: Path | None) -> str:
        return str(self.locate(root) or f"the package that brings {self.name}")
