"""torchao's affine quantization of weights for snnbench."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torchao.quantization import MappingType, choose_qparams_affine, dequantize_affine, quantize_affine

from snnbench import hookimpl
from snnbench.errors import OptionError
from snnbench.quant import straight_through

Mapping = Literal["symmetric", "no-clipping", "asymmetric"]
_MAPPINGS = {
    "symmetric": MappingType.SYMMETRIC,
    "no-clipping": MappingType.SYMMETRIC_NO_CLIPPING_ERR,
    "asymmetric": MappingType.ASYMMETRIC,
}


class Affine(nn.Module):
    """``choose_qparams_affine``, ``quantize_affine`` and ``dequantize_affine``, one after the other."""

    def __init__(self, bits: int, mapping: Mapping, per: str) -> None:
        super().__init__()
        self.low, self.high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        self.mapping, self.per = _MAPPINGS[mapping], per

    def forward(self, w: Tensor) -> Tensor:
        """The quantized tensor, computed in float32 (torchao takes no float64); the gradient is the identity."""
        block = (1, *w.shape[1:]) if self.per == "channel" and w.ndim > 1 else tuple(w.shape)
        with torch.no_grad():
            x, limits = w.detach().float(), (torch.int8, self.low, self.high)
            scale, zero = choose_qparams_affine(x, self.mapping, block, *limits)
            codes = quantize_affine(x, block, scale, zero, *limits)
            levels = dequantize_affine(codes, block, scale, zero, *limits)
        return straight_through(levels.to(w.dtype), w)


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
    return Affine(bits, mapping, per)


@hookimpl
def snnbench_quantizers() -> dict[str, Callable[..., nn.Module]]:
    """``torchao-affine``."""
    return {"torchao-affine": torchao_affine}
