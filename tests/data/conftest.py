"""A small data set in both layouts, with random content."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from snnbench.data import Archived, BinaryLayout, Dataset, PickleLayout, fingerprint

SHAPE = (3, 4, 4)
PARTS = {"train": {"one": 3, "two": 3}, "test": {"three": 2}}


@dataclass
class Fake:
    """A data set, its content in the order it was made, and writers of its files."""

    dataset: Dataset
    arrays: dict[str, tuple[np.ndarray, np.ndarray]]
    label_bytes: int

    def write_binary(self, root: Path) -> Path:
        folder = root / "fake-bin"
        folder.mkdir(parents=True)
        for split, name, part in self._parts():
            images, labels = (array[part] for array in self.arrays[split])
            columns = [np.full_like(labels, 255)] * (self.label_bytes - 1) + [labels]
            records = np.hstack([*(c[:, None] for c in columns), images.reshape(len(images), -1)])
            (folder / f"{name}.bin").write_bytes(records.astype(np.uint8).tobytes())
        return folder

    def write_pickle(self, root: Path, dump: Callable[[dict], bytes] = pickle.dumps) -> Path:
        folder = root / "fake-py"
        folder.mkdir(parents=True)
        for split, name, part in self._parts():
            images, labels = (array[part] for array in self.arrays[split])
            batch = {"data": images.reshape(len(images), -1), "fine": labels.tolist(), "batch_label": "part"}
            (folder / name).write_bytes(dump(batch))
        return folder

    def _parts(self):
        for split, part in PARTS.items():
            start = 0
            for name, count in part.items():
                yield split, name, slice(start, start + count)
                start += count


@pytest.fixture
def make_fake() -> Callable[..., Fake]:
    def make(label_bytes: int = 1, url: str = "", md5: str = "") -> Fake:
        rng = np.random.default_rng(7)
        counts = {split: sum(part.values()) for split, part in PARTS.items()}
        arrays = {
            split: (rng.integers(0, 256, (n, *SHAPE), dtype=np.uint8), rng.integers(0, 10, n))
            for split, n in counts.items()
        }
        binary = {split: {f"{name}.bin": n for name, n in part.items()} for split, part in PARTS.items()}
        layouts = (BinaryLayout("fake-bin", binary, label_bytes), PickleLayout("fake-py", PARTS, "fine"))
        fingerprints = {split: fingerprint(*pair) for split, pair in arrays.items()}
        source = Archived(url=url, md5=md5, layouts=layouts, input_shape=SHAPE)
        return Fake(Dataset("fake", 10, SHAPE, fingerprints, source), arrays, label_bytes)

    return make


@pytest.fixture
def fake(make_fake: Callable[..., Fake]) -> Fake:
    return make_fake()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of this test alone."""
    monkeypatch.setenv("SNNBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def _own_cache(cache: Path) -> None:
    """No test here reads or writes the user's cache."""
