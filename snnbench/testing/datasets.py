"""The contract of a data set, a check for each clause."""

from __future__ import annotations

import numpy as np

from snnbench.data import Dataset, resolve_root
from snnbench.data.content import fingerprint
from snnbench.data.layouts import Arrays
from snnbench.testing.outcome import CheckSkipped
from snnbench.testing.probes import require
from snnbench.testing.subject import Check, Subject

_SPLITS = ("train", "test")


def splits(subject: Subject) -> None:
    """There is a fingerprint of ``train`` and of ``test``, and both splits hold images."""
    for split in _SPLITS:
        require(split in _dataset(subject).fingerprints, f"it has no fingerprint of the {split} split")
        require(len(_read(subject, split)[0]) > 0, f"the {split} split is empty")


def shapes(subject: Subject) -> None:
    """Images are uint8 (N, C, H, W) of the declared shape, labels int64 (N,)."""
    shape = _dataset(subject).input_shape
    for split in _SPLITS:
        images, labels = _read(subject, split)
        wanted = f"uint8 (N, {', '.join(map(str, shape))})"
        found = f"{images.dtype} {images.shape}"
        require(images.dtype == np.uint8 and images.shape[1:] == shape, f"images of {split} are {found}, not {wanted}")
        found = f"{labels.dtype} {labels.shape} for {len(images)} images"
        require(labels.dtype == np.int64 and labels.shape == (len(images),), f"labels of {split} are {found}")


def labels(subject: Subject) -> None:
    """Labels are 0 to ``num_classes - 1``, and the training split has every class."""
    classes = _dataset(subject).num_classes
    for split in _SPLITS:
        found = np.unique(_read(subject, split)[1])
        require(((found >= 0) & (found < classes)).all(), f"labels of {split} are not in 0..{classes - 1}")
        require(split == "test" or len(found) == classes, f"the training split has {len(found)} of {classes} classes")


def content(subject: Subject) -> None:
    """The content of each split has the declared fingerprint."""
    for split in _SPLITS:
        found, declared = fingerprint(*_read(subject, split)), _dataset(subject).fingerprints.get(split)
        require(declared in (None, found), f"the fingerprint of {split} is {found}, not {declared} as declared")


def repeatable(subject: Subject) -> None:
    """Reading a split again gives the same images in the same order, and what a caller writes to them is its own."""
    for split in _SPLITS:
        first = _read(subject, split)
        kept = [array.copy() for array in first]
        _negate(first)
        again = [array.copy() for array in _read(subject, split)]
        _negate(first)
        same = all(np.array_equal(*pair) for pair in zip(kept, again, strict=True))
        require(same, f"reading {split} twice gives two answers, or what is written to the first is in the second")


CHECKS: dict[str, Check] = {
    "splits": splits,
    "shapes": shapes,
    "labels": labels,
    "content": content,
    "repeatable": repeatable,
}


def _dataset(subject: Subject) -> Dataset:
    dataset: Dataset = subject.entry.value
    return dataset


def _negate(arrays: Arrays) -> None:
    for array in arrays:
        if array.flags.writeable:
            np.negative(array, out=array)


def _read(subject: Subject, split: str) -> Arrays:
    """What the source gives, before `Dataset.load` puts the records in order."""
    dataset = _dataset(subject)
    if not dataset.is_prepared(subject.root):
        raise CheckSkipped(f"{dataset.name} is not prepared: snnbench data prepare {dataset.name}")
    return dataset.source.read(resolve_root(subject.root), split)
