"""Intel Loihi 1 for snnbench: the chip as brian2-loihi emulates it, and the weights that it really uses."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from snnbench import hookimpl
from snnbench.errors import OptionError

_LOWEST, _LIMIT = 64, 2**21 - 2**6


def actual_weights(
    mantissas: Tensor, *, exponent: int, sign: Literal["mixed", "excitatory", "inhibitory"] = "mixed", bits: int = 8
) -> Tensor:
    """What weights of int64 `mantissas` add to a current on Loihi: whole multiples of 64.

    Mantissas lose their lowest ``8 - bits`` bits towards zero, one more where signs are mixed; the product with
    ``2**(6 + exponent)`` is rounded down to a multiple of 64 and stops at 2**21 - 64.

    Args:
        mantissas: -256 to 254 where signs are mixed, 0 to 255, or -256 to 0.
        exponent: -8 to 7.
        sign: the synapses' sign mode.
        bits: 1 to 8 (2 to 8 where signs are mixed).

    Raises:
        OptionError: if a number is out of its range.

    Source: brian2-loihi 0.5.2, ``LoihiSynapses.calcActualWeights``; Michaelis et al. 2022.
    """
    low, high = {"mixed": (-256, 254), "excitatory": (0, 255), "inhibitory": (-256, 0)}[sign]
    if int(mantissas.min()) < low or int(mantissas.max()) > high:
        raise OptionError(f"{sign} mantissas are between {low} and {high}")
    if not -8 <= exponent <= 7:
        raise OptionError(f"exponent={exponent} is outside -8..7")
    kept = 1 << (8 - (bits - (sign == "mixed")))
    short = torch.div(mantissas, kept, rounding_mode="trunc") * kept
    scaled = short << exponent if exponent >= 0 else short >> -exponent
    return (scaled * _LOWEST).clamp(-_LIMIT, _LIMIT)


@hookimpl
def snnbench_chips() -> dict[str, Path]:
    """``loihi-brian2``."""
    return {"loihi-brian2": Path(__file__).with_name("loihi-brian2.toml")}
