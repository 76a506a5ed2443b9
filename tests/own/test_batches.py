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
