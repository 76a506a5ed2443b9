"""What the paper reports, second-hand: from digests of arXiv 2604.14487, not from its tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reported:
    """One row of the paper: CIFAR-100, SEW-ResNet-18 of full width; accuracy and dead neurons in percent.

    Attributes:
        axes: the row of a board that is the nearest to it; None for the full-precision network.
    """

    name: str
    accuracy: float
    emd: float | None
    dead: float | None
    axes: dict[str, Any] | None


def _weights(quantizer: str, clip: str, bits: int) -> dict[str, Any]:
    own = {"grid": "endpoint", "range": "signed"} if quantizer == "uniform" else {"codes": "signed"}
    return {"quantizer": quantizer, "clip": clip, "bits": bits, "membrane": None, **own}


def _membrane(range_: str) -> dict[str, Any]:
    return {
        "quantizer": "float",
        "membrane": "uniform",
        "membrane_bits": 2,
        "membrane_range": range_,
        "membrane_grid": "endpoint",
        "membrane_site": "post_reset",
    }


REPORTED = (
    Reported("full precision", 75.2, 0.0, 66.0, None),
    Reported("uniform narrow, 6 bits", 74.9, 0.0077, 66.5, _weights("uniform", "narrow", 6)),
    Reported("uniform wide, 6 bits", 73.7, 0.0136, 59.8, _weights("uniform", "wide", 6)),
    Reported("LQ-Net narrow, 6 bits", 75.3, 0.0073, 68.7, _weights("lqnet", "narrow", 6)),
    Reported("LQ-Net wide, 6 bits", 75.3, 0.0072, 71.4, _weights("lqnet", "wide", 6)),
    Reported("uniform wide, 2 bits", 51.6, 0.1206, None, _weights("uniform", "wide", 2)),
    Reported("LQ-Net wide, 2 bits", 74.4, 0.0121, None, _weights("lqnet", "wide", 2)),
    Reported("membrane unsigned, 2 bits", 71.9, 0.010, None, _membrane("unsigned")),
    Reported("membrane signed, 2 bits", 67.1, 0.014, None, _membrane("signed")),
)
