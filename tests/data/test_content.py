from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.datasets import load_digits

from snnbench.builtin.datasets import cifar10, cifar100, digits
from snnbench.data import fingerprint


@st.composite
def splits(draw):
    count = draw(st.integers(1, 6))
    images = draw(hnp.arrays(np.uint8, (count, 2, 2, 3)))
    labels = draw(hnp.arrays(np.int64, count, elements=st.integers(0, 255)))
    return images, labels


def by_definition(images, labels):
    digests = [
        hashlib.sha256(bytes([label]) + image.tobytes()).digest() for image, label in zip(images, labels, strict=True)
    ]
    return hashlib.sha256(b"".join(sorted(digests))).hexdigest()


@given(splits())
def test_is_the_hash_of_the_sorted_digests(split):
    assert fingerprint(*split) == by_definition(*split)


@given(splits(), st.randoms())
def test_no_order_changes_it(split, random):
    images, labels = split
    order = list(range(len(labels)))
    random.shuffle(order)
    assert fingerprint(images[order], labels[order]) == fingerprint(images, labels)


@given(splits(), st.data())
def test_any_changed_byte_changes_it(split, data):
    images, labels = split
    changed = images.copy()
    changed.reshape(-1)[data.draw(st.integers(0, images.size - 1))] ^= data.draw(st.integers(1, 255))
    assert fingerprint(changed, labels) != fingerprint(images, labels)


def test_swapped_labels_change_it():
    images = np.arange(2 * 12, dtype=np.uint8).reshape(2, 3, 2, 2)
    assert fingerprint(images, np.array([0, 1])) != fingerprint(images, np.array([1, 0]))


def test_memory_layout_does_not_matter():
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8).transpose(0, 3, 1, 2)
    labels = np.arange(4)
    assert fingerprint(images, labels) == fingerprint(np.ascontiguousarray(images), labels)


def test_digits():
    bunch = load_digits()
    records = [
        bytes([label, *(round(float(pixel) * 255 / 16) for pixel in image.ravel())])
        for image, label in zip(bunch.images, bunch.target, strict=True)
    ]
    records.sort(key=lambda record: hashlib.sha256(record).digest())
    for split, expected in (("train", records[:1437]), ("test", records[1437:])):
        images, labels = digits.load(None, split)
        found = [bytes([label]) + image.tobytes() for image, label in zip(images, labels, strict=True)]
        assert found == expected
        assert images.shape == (len(expected), 1, 8, 8)
    assert len(records) == 1437 + 360


PUBLISHED = {
    "cifar10": ([0.49139968, 0.48215841, 0.44653091], [0.24703223, 0.24348513, 0.26158784]),
    "cifar100": ([0.50707516, 0.48654887, 0.44091784], [0.26733429, 0.25643846, 0.27615047]),
}


@pytest.mark.parametrize("dataset", [cifar10, cifar100], ids=lambda dataset: dataset.name)
def test_cifar(dataset, cifar_root):
    for split, count in (("train", 50_000), ("test", 10_000)):
        images, labels = dataset.load(cifar_root, split)
        assert images.shape == (count, 3, 32, 32)
        assert np.bincount(labels).tolist() == [count // dataset.num_classes] * dataset.num_classes
        assert fingerprint(images, labels) == dataset.fingerprints[split]
        if split == "train":
            means, deviations = PUBLISHED[dataset.name]
            shares = np.stack([np.bincount(images[:, c].ravel(), minlength=256) for c in range(3)]) / images[:, 0].size
            levels = np.arange(256) / 255
            np.testing.assert_allclose(shares @ levels, means, atol=1e-8)
            np.testing.assert_allclose(np.sqrt(shares @ levels**2 - (shares @ levels) ** 2), deviations, atol=1e-8)
