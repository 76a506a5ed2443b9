"""The kit; torchao's own quantized tensors; and its mappings as plain arithmetic."""

from __future__ import annotations

import pytest
import torch
from snnbench_torchao import torchao_affine
from torch import nn
from torchao.quantization import Int8WeightOnlyConfig, quantize_

from snnbench.errors import OptionError
from snnbench.nn import sew_resnet8
from snnbench.quant import quantize_membranes
from snnbench.testing import parametrize_with_checks


@parametrize_with_checks("torchao-affine")
def test_torchao_affine_keeps_the_contract(check):
    check()


def weights(*shape: int) -> torch.Tensor:
    return 0.3 * torch.randn(shape, generator=torch.Generator().manual_seed(0)) + 0.05


def expected(w, bits, mapping, dims):
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    least, most = w.amin(dims, keepdim=True).clamp(max=0), w.amax(dims, keepdim=True).clamp(min=0)
    if mapping == "asymmetric":
        scale = (most - least) / (high - low)
        zero = low - (least / scale).round()
    else:
        by_sign = torch.maximum(least / low, most / high)
        scale = by_sign if mapping == "no-clipping" else torch.maximum(-least, most) / ((high - low) / 2)
        zero = torch.zeros(())
    return (((w / scale).round() + zero).clamp(low, high) - zero) * scale


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("mapping", ["symmetric", "no-clipping", "asymmetric"])
@pytest.mark.parametrize("per", ["tensor", "channel"])
@pytest.mark.parametrize("shape", [(5, 40), (4, 6, 3, 3)])
def test_values_are_the_mappings_formulas(shape, per, mapping, bits):
    w = weights(*shape).requires_grad_()
    found = torchao_affine(w, bits=bits, mapping=mapping, per=per)(w)
    dims = tuple(range(1 if per == "channel" else 0, w.ndim))
    torch.testing.assert_close(found, expected(w.detach(), bits, mapping, dims))
    upstream = weights(*shape) * 2
    found.backward(upstream)
    assert torch.equal(w.grad, upstream)


def test_8_bits_are_those_of_torchaos_quantized_linear_layer():
    layer = nn.Linear(40, 5, bias=False)
    with torch.no_grad():
        layer.weight.copy_(weights(5, 40))
    found = torchao_affine(layer.weight, bits=8)(layer.weight).detach()
    quantize_(layer, Int8WeightOnlyConfig())
    torch.testing.assert_close(found, layer.weight.dequantize())


def test_membranes_are_refused():
    model = sew_resnet8(4, channels=1)
    with pytest.raises(OptionError, match="a membrane is no weight"):
        quantize_membranes(model, lambda name, tensor: torchao_affine(tensor, bits=4), "post_reset", (1, 8, 8))
