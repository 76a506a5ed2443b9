"""Batches of one's own: images, or pairs of images and labels, as any data loader gives them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from snnbench.errors import OptionError

Batches = Iterable[Any]
"""Batches of images `(N, ...)`, or of `(images, labels)`, in the range that the network was trained on."""


@dataclass(frozen=True)
class ImagesOnly:
    """The images alone of batches that can be iterated over more than once."""

    batches: Batches

    def __post_init__(self) -> None:
        if iter(self.batches) is self.batches:
            raise OptionError("calibration runs over its batches more than once; give a list or a loader, no generator")

    def __iter__(self) -> Iterator[Tensor]:
        return (images for images, _ in pairs(self.batches, None))


def pairs(batches: Batches, labels: Sequence[int] | Tensor | None) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Images and labels of each batch; labels are the batch's own, else the next of `labels`, else None.

    Batches without an image are passed over.

    Raises:
        OptionError: if labels come twice, are no row of whole numbers, or are not as many as images; if there is one
            batch or are single samples in place of batches, or inputs are no tensor.
    """
    _check_several(batches)
    given = None if labels is None else class_row(labels, "labels=")
    first = 0
    for batch in batches:
        images, own = (batch[0], batch[1]) if isinstance(batch, (tuple, list)) and len(batch) > 1 else (batch, None)
        images = images[0] if isinstance(images, (tuple, list)) else images
        _check_batch(images, own)
        if own is not None and given is not None:
            raise OptionError("the batches have labels already; leave labels= out")
        last = first + len(images)
        if given is not None and len(given) < last:
            raise OptionError(f"labels= has {len(given)} labels, and the batches have more images")
        if len(images):
            yield images, own if given is None else given[first:last]
        first = last
    if given is not None and len(given) > first:
        raise OptionError(f"labels= has {len(given)} labels, and the batches have {first} images")


def _check_several(batches: Batches) -> None:
    if isinstance(batches, Tensor):
        raise OptionError("one tensor was given for the batches; a list of one batch is [images] or [(images, labels)]")
    if isinstance(batches, (tuple, list)) and len(batches) == 2 and _is_batch(*batches):
        raise OptionError("one batch was given for the batches; a list of it is [(images, labels)]")


def _is_batch(images: object, labels: object) -> bool:
    """Whether these are a batch's images and labels, rather than images of two batches."""
    if not (isinstance(images, Tensor) and isinstance(labels, Tensor)):
        return False
    return labels.ndim == 1 < images.ndim and len(images) == len(labels)


def _check_batch(images: object, labels: object) -> None:
    if isinstance(labels, int) or (isinstance(labels, Tensor) and labels.ndim == 0):
        raise OptionError("single samples were given for batches; make batches by torch.utils.data.DataLoader")
    if not isinstance(images, Tensor):
        raise OptionError(
            f"a batch holds a {type(images).__name__}; it is a tensor of images (N, ...), or such a tensor and labels"
        )


def class_row(labels: Sequence[int] | Tensor, what: str) -> Tensor:
    """The right classes `(N,)` of N images, on the CPU; messages call them `what`.

    Raises:
        OptionError: if they are no row of whole numbers.
    """
    try:
        row = torch.as_tensor(labels).cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise OptionError(f"{what} is one whole number an image, in one list or tensor ({error})") from error
    if row.ndim != 1 or row.is_floating_point():
        raise OptionError(f"{what} is one whole number an image, not {tuple(row.shape)} numbers of {row.dtype}")
    return row
