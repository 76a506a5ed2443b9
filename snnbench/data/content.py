"""The content of a split, as a hash that no order of its images changes."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


def record_digests(images: Images, labels: Labels) -> list[bytes]:
    """SHA-256 of ``label byte + pixel bytes`` of every image.

    Args:
        images: uint8, ``(N, C, H, W)``.
        labels: int64, ``(N,)``, in 0..255.
    """
    size = images[0].size if len(images) else 0
    pixels = np.ascontiguousarray(images).reshape(-1).data
    label_bytes = labels.astype(np.uint8).tobytes()
    digests = []
    for i in range(len(labels)):
        digest = hashlib.sha256(label_bytes[i : i + 1])
        digest.update(pixels[i * size : (i + 1) * size])
        digests.append(digest.digest())
    return digests


def combine(digests: list[bytes]) -> str:
    """The fingerprint of a split from the digests of its records: SHA-256 of them sorted and joined, in hex."""
    return hashlib.sha256(b"".join(sorted(digests))).hexdigest()


def fingerprint(images: Images, labels: Labels) -> str:
    """The content fingerprint of a split, in hex; independent of the order of its images.

    It is the SHA-256 of the concatenated, sorted SHA-256 digests of ``label byte + pixel bytes (C, H, W)``.

    Args:
        images: uint8, ``(N, C, H, W)``.
        labels: int64, ``(N,)``, in 0..255.
    """
    return combine(record_digests(images, labels))


def in_digest_order(images: Images, labels: Labels, digests: list[bytes]) -> tuple[Images, Labels]:
    """Images and labels in the order of the digests of their records, so that every source gives the same run."""
    order = sorted(range(len(digests)), key=digests.__getitem__)
    return images[order], labels[order]
