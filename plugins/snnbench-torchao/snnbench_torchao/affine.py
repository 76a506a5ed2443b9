"""torchao's affine quantization as a module."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchao.quantization import MappingType, choose_qparams_affine, dequantize_affine, quantize_affine

from snnbench.quant import straight_through

_MAPPINGS = {
    "symmetric": MappingType.SYMMETRIC,
    "no-clipping": MappingType.SYMMETRIC_NO_CLIPPING_ERR,
    "asymmetric": MappingType.ASYMMETRIC,
}


class Affine(nn.Module):
    """``choose_qparams_affine``, ``quantize_affine`` and ``dequantize_affine``, one after the other."""

    def __init__(self, bits: int, mapping: str, per: str) -> None:
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
