"""The data sets that ship: CIFAR-10 and CIFAR-100 (Krizhevsky, 2009), and scikit-learn's digits."""

from __future__ import annotations

import numpy as np

from snnbench.data import Archived, BinaryLayout, Dataset, Embedded, PickleLayout
from snnbench.data.content import in_digest_order, record_digests
from snnbench.data.corruptions import Corrupted
from snnbench.data.layouts import Arrays
from snnbench.hookspecs import hookimpl

BATCHES = [f"data_batch_{k}" for k in range(1, 6)]
COLOUR = (3, 32, 32)
DIGITS_TRAIN = 1437

cifar10 = Dataset(
    name="cifar10",
    num_classes=10,
    input_shape=COLOUR,
    fingerprints={
        "train": "55a61f79a40ece2ceda9fb5f9f7078f6ea2fc4952489cef56682bcf92cfcc260",
        "test": "325704b01eb92e1e2a6215ae6a916bb7db7de054af0c496be1c7be2e0fcfbf5f",
    },
    source=Archived(
        url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        md5="c32a1d4ab5d03f1284b67883e8d87530",
        input_shape=COLOUR,
        layouts=(
            BinaryLayout(
                folder="cifar-10-batches-bin",
                parts={"train": {f"{name}.bin": 10_000 for name in BATCHES}, "test": {"test_batch.bin": 10_000}},
            ),
            PickleLayout(
                folder="cifar-10-batches-py",
                parts={"train": dict.fromkeys(BATCHES, 10_000), "test": {"test_batch": 10_000}},
            ),
        ),
    ),
)

cifar100 = Dataset(
    name="cifar100",
    num_classes=100,
    input_shape=COLOUR,
    fingerprints={
        "train": "6d2a03c47c105e4c34d3a2ff16c2803e8df0e5d6fa0c631e46663a327aeac573",
        "test": "381b7d98ce1e9b98232a8df0db0a22992654c39ff2433270656ab8ace5a45e65",
    },
    source=Archived(
        url="https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
        md5="03b5dce01913d631647c71ecec9e9cb8",
        input_shape=COLOUR,
        layouts=(
            BinaryLayout(
                folder="cifar-100-binary",
                parts={"train": {"train.bin": 50_000}, "test": {"test.bin": 10_000}},
                label_bytes=2,
            ),
            PickleLayout(
                folder="cifar-100-python",
                parts={"train": {"train": 50_000}, "test": {"test": 10_000}},
                label_key="fine_labels",
            ),
        ),
    ),
)


def _all_digits() -> Arrays:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    # scikit-learn's pixels are whole numbers from 0 to 16.
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[:, None]
    labels = bunch.target.astype(np.int64)
    return in_digest_order(images, labels, record_digests(images, labels))


def read_digits(split: str) -> Arrays:
    """Images uint8 ``(N, 1, 8, 8)`` and labels of handwritten digits: the first 1,437 by digest train, 360 test."""
    images, labels = _all_digits()
    part = slice(DIGITS_TRAIN) if split == "train" else slice(DIGITS_TRAIN, None)
    return images[part], labels[part]


digits = Dataset(
    name="digits",
    num_classes=10,
    input_shape=(1, 8, 8),
    fingerprints={
        "train": "6264b9a8fc80fc41ae9196efccb4a41b87e4d3265d8f26593bcb88b3c1db2033",
        "test": "66f5651191c0856f81075fae8f1f6748bbd8701b64ddd5caa617d205361b5647",
    },
    source=Embedded(read_digits),
)


cifar10c = Dataset(
    name="cifar10c",
    num_classes=10,
    input_shape=COLOUR,
    fingerprints={
        "train": cifar10.fingerprints["train"],
        "test": "a6accb0fa31fb610ba69889ceda96f8eb716e3c41cdbab56e86f99c0376f6dff",
    },
    source=Corrupted(cifar10),
)


@hookimpl
def snnbench_datasets() -> dict[str, Dataset]:
    """CIFAR-10 and CIFAR-100 with fine labels, 32x32 colour; CIFAR-10's test set corrupted; digits, 8x8 grey."""
    return {dataset.name: dataset for dataset in (cifar10, cifar100, cifar10c, digits)}
