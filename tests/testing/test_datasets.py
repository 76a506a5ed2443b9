"""Each check of a data set, tested by a data set that fails just that check; and skipping."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from oracles.checked import SOURCE, failures

from snnbench.data import Dataset, Embedded
from snnbench.data.content import fingerprint
from snnbench.data.layouts import Arrays
from snnbench.plugins import PluginEntry, catalogue
from snnbench.testing import CheckFailed, check, check_entry, parametrize_with_checks
from snnbench.testing.runner import CHECKS, SOMETHING_CHECKED

SHAPE = (1, 4, 4)


def read(split: str) -> Arrays:
    count = 60 if split == "train" else 20
    images = np.random.default_rng(count).integers(0, 256, (count, *SHAPE), dtype=np.uint8)
    return images, np.arange(count, dtype=np.int64) % 3


def dataset(read: Callable[[str], Arrays] = read) -> Dataset:
    fingerprints = {split: fingerprint(*read(split)) for split in ("train", "test")}
    return Dataset("small", 3, SHAPE, fingerprints, Embedded(read))


def flat(split: str) -> Arrays:
    images, labels = read(split)
    return images.reshape(len(images), -1), labels


def wide_labels(split: str) -> Arrays:
    images, labels = read(split)
    return images, labels.astype(np.uint16)


def from_one(split: str) -> Arrays:
    images, labels = read(split)
    return images, labels + 1


def without_two(split: str) -> Arrays:
    images, labels = read(split)
    return images, labels % 2


def shuffled() -> Callable[[str], Arrays]:
    calls = itertools.count()

    def read_shuffled(split: str) -> Arrays:
        images, labels = read(split)
        order = np.random.default_rng(next(calls)).permutation(len(images))
        return images[order], labels[order]

    return read_shuffled


def one_array_for_all() -> Callable[[str], Arrays]:
    splits = {split: read(split) for split in ("train", "test")}
    return splits.__getitem__


def empty_test(split: str) -> Arrays:
    images, labels = read(split)
    return (images, labels) if split == "train" else (images[:0], labels[:0])


def without_test() -> Dataset:
    return replace(dataset(), fingerprints={"train": dataset().fingerprints["train"]})


BAD = {
    "no test split": (without_test, "splits", "it has no fingerprint of the test split"),
    "an empty test split": (lambda: dataset(empty_test), "splits", "the test split is empty"),
    "flat images": (lambda: dataset(flat), "shapes", "images of train are uint8 (60, 16), not uint8 (N, 1, 4, 4)"),
    "labels of uint16": (lambda: dataset(wide_labels), "shapes", "labels of train are uint16 (60,) for 60 images"),
    "labels from one": (lambda: dataset(from_one), "labels", "labels of train are not in 0..2"),
    "a class without images": (lambda: dataset(without_two), "labels", "the training split has 2 of 3 classes"),
    "another content": (
        lambda: replace(dataset(), fingerprints={**dataset().fingerprints, "test": "0" * 64}),
        "content",
        "the fingerprint of test is ",
    ),
    "another order each time": (lambda: dataset(shuffled()), "repeatable", "reading train twice gives two answers"),
    "arrays that all share": (lambda: dataset(one_array_for_all()), "repeatable", "what is written to the first is in"),
}


def entry(value: Dataset) -> PluginEntry:
    return PluginEntry("datasets", value.name, value, SOURCE)


def test_the_good_one_passes_all():
    assert check_entry(entry(dataset())).count("passed") == len(CHECKS["datasets"])


@pytest.mark.parametrize("case", BAD)
def test_each_check_alone_catches_what_it_is_for(case):
    make, name, message = BAD[case]
    found = failures(check_entry(entry(make())))
    assert list(found) == [name], found
    assert message in found[name]


def test_the_check_that_writes_to_arrays_puts_them_back():
    shared = one_array_for_all()
    before = [array.copy() for array in shared("train")]
    check_entry(entry(dataset(shared)))
    assert all(np.array_equal(*pair) for pair in zip(before, shared("train"), strict=True))


def test_every_check_of_a_data_set_is_tested():
    assert {name for _, name, _ in BAD.values()} == set(CHECKS["datasets"])


def test_digits_pass():
    (report,) = check("digits")
    assert report.count("passed") == len(CHECKS["datasets"])


@pytest.mark.parametrize("name", ["cifar10", "cifar100", pytest.param("cifar10c", marks=pytest.mark.slow)])
def test_cifar_passes(name, cifar_root):
    (report,) = check(name, root=cifar_root)
    assert report.count("passed") == len(CHECKS["datasets"]), failures(report)


def test_a_kit_in_which_everything_was_skipped_fails(tmp_path):
    (report,) = check("cifar10", root=tmp_path)
    assert report.count("skipped") == len(report.outcomes)
    assert not report.ok
    assert report.summary.endswith("5 skipped; nothing was checked, which counts as a failure")
    cases = {case.id: case.values[0] for case in parametrize_with_checks("cifar10", root=tmp_path).args[1]}
    with pytest.raises(CheckFailed, match="nothing was checked"):
        cases[SOMETHING_CHECKED]()
    with pytest.raises(pytest.skip.Exception, match="cifar10 is not prepared"):
        cases["content"]()


def test_the_built_in_data_sets_are_all_tested_here():
    assert list(catalogue().datasets) == ["cifar10", "cifar100", "cifar10c", "digits"]
