"""Labels beside batches: one whole number an image, or an error that says so."""

from __future__ import annotations

import pytest
import torch

from snnbench.errors import OptionError
from snnbench.own.batches import pairs

IMAGES = [torch.zeros(2, 1), torch.zeros(1, 1)]


@pytest.mark.parametrize("labels", [[3, 1, 2], torch.tensor([3, 1, 2]), torch.tensor([3, 1, 2], dtype=torch.uint8)])
def test_labels_go_to_their_images(labels) -> None:
    assert [given.tolist() for _, given in pairs(IMAGES, labels)] == [[3, 1], [2]]


@pytest.mark.parametrize(
    "labels",
    [
        [torch.tensor([3, 1]), torch.tensor([2])],
        [[3, 1], [2]],
        torch.zeros(3, 10),
        torch.zeros(3),
        ["cat", "dog", "owl"],
    ],
)
def test_what_is_no_row_of_whole_numbers_is_told(labels) -> None:
    with pytest.raises(OptionError, match=r"^labels= is one whole number an image"):
        list(pairs(IMAGES, labels))


def test_too_few_labels_are_told() -> None:
    with pytest.raises(OptionError, match="has 2 labels, and the batches have more images"):
        list(pairs(IMAGES, [1, 2]))


def test_too_many_labels_are_told() -> None:
    """They may be those of other images, and the first of them pass for these images' own."""
    with pytest.raises(OptionError, match="has 4 labels, and the batches have 3 images"):
        list(pairs(IMAGES, [1, 2, 3, 4]))


def test_a_batch_without_images_is_passed_over() -> None:
    assert [given.tolist() for _, given in pairs([IMAGES[0], IMAGES[0][:0], IMAGES[1]], [3, 1, 2])] == [[3, 1], [2]]


X, Y = torch.zeros(4, 3), torch.tensor([0, 1, 2, 0])


@pytest.mark.parametrize(
    ("batches", "told"),
    [
        (X, r"a list of one batch is \[images\]"),
        ((X, Y), r"a list of it is \[\(images, labels\)\]"),
        ([X, Y], r"a list of it is \[\(images, labels\)\]"),
        (torch.utils.data.TensorDataset(X, Y), "make batches by torch.utils.data.DataLoader"),
        ([(X[0], 3)], "make batches by torch.utils.data.DataLoader"),
        ([{"image": X, "label": Y}], "a batch holds a dict; it is a tensor of images"),
        ([(X.numpy(), Y.numpy())], "a batch holds a ndarray; it is a tensor of images"),
    ],
)
def test_what_are_no_batches_is_told(batches, told: str) -> None:
    with pytest.raises(OptionError, match=told):
        list(pairs(batches, None))


def test_two_batches_without_labels_are_batches() -> None:
    assert [labels for _, labels in pairs([X, X], None)] == [None, None]
    assert [len(images) for images, _ in pairs((X, X[:2]), None)] == [4, 2]
