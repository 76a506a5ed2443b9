"""torchao's affine quantization of weights for snnbench."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn

from snnbench import hookimpl
from snnbench.errors import OptionError

Mapping = Literal["symmetric", "no-clipping", "asymmetric"]


def torchao_affine(
    tensor: Tensor,
    *,
    bits: Annotated[int, Field(ge=2, le=8)],
    mapping: Mapping = "symmetric",
    per: Literal["tensor", "channel"] = "channel",
) -> nn.Module:
    """torchao's integers, with the scale and zero point that its ``choose_qparams_affine`` finds."""
    if tensor.isnan().any():
        raise OptionError("a membrane is no weight; choose a quantizer of membranes for it")
    # torchao takes seconds to import, and logs while it does: only those who use it shall have that.
    from snnbench_torchao.affine import Affine

    return Affine(bits, mapping, per)


@hookimpl
def snnbench_quantizers() -> dict[str, Callable[..., nn.Module]]:
    """``torchao-affine``."""
    return {"torchao-affine": torchao_affine}
