"""The kit; the weights that Brevitas' own layers compute; and the formulas as plain arithmetic."""

from __future__ import annotations

import pytest
import torch
from brevitas.nn import QuantConv2d, QuantLinear
from brevitas.quant import fixed_point, scaled_int, shifted_scaled_int
from snnbench_brevitas import brevitas_fixed_point, brevitas_int, brevitas_shifted
from torch import nn

from snnbench.errors import OptionError
from snnbench.nn import sew_resnet8
from snnbench.quant import quantize_membranes
from snnbench.testing import parametrize_with_checks


@parametrize_with_checks("brevitas-int")
def test_brevitas_int_keeps_the_contract(check):
    check()


@parametrize_with_checks("brevitas-fixed-point")
def test_brevitas_fixed_point_keeps_the_contract(check):
    check()


@parametrize_with_checks("brevitas-shifted")
def test_brevitas_shifted_keeps_the_contract(check):
    check()


SETTINGS = [
    (brevitas_int, {"per": "channel"}, scaled_int.Int8WeightPerChannelFloat),
    (brevitas_int, {"per": "tensor"}, scaled_int.Int8WeightPerTensorFloat),
    (brevitas_int, {"per": "channel", "fit": "mse"}, scaled_int.Int8WeightPerChannelFloatMSE),
    (brevitas_int, {"per": "tensor", "fit": "mse"}, scaled_int.Int8WeightPerTensorFloatMSE),
    (brevitas_fixed_point, {"per": "channel"}, fixed_point.Int8WeightPerChannelFixedPoint),
    (brevitas_fixed_point, {"per": "tensor"}, fixed_point.Int8WeightPerTensorFixedPoint),
    (brevitas_shifted, {"per": "channel"}, shifted_scaled_int.ShiftedUint8WeightPerChannelFloat),
    (brevitas_shifted, {"per": "tensor"}, shifted_scaled_int.ShiftedUint8WeightPerTensorFloat),
]


def weights(*shape: int) -> torch.Tensor:
    return 0.3 * torch.randn(shape, generator=torch.Generator().manual_seed(0)) + 0.05


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize(("factory", "options", "theirs"), SETTINGS)
@pytest.mark.parametrize("layer", [QuantConv2d, QuantLinear])
def test_weights_and_gradients_are_those_of_brevitas_layers(layer, factory, options, theirs, bits):
    size = (4, 6, 3) if layer is QuantConv2d else (12, 6)
    expected = layer(*size, bias=False, weight_quant=theirs, weight_bit_width=bits)
    with torch.no_grad():
        expected.weight.copy_(weights(*expected.weight.shape))
    expected.weight_quant.init_tensor_quant()
    expected.weight_quant(expected.weight)
    upstream = torch.randn(expected.weight.shape, generator=torch.Generator().manual_seed(1))
    w = expected.weight.detach().clone().requires_grad_()
    found = factory(w, bits=bits, **options)(w)
    found.backward(upstream)
    value = expected.quant_weight().value
    value.backward(upstream)
    assert torch.equal(found, value)
    assert torch.equal(w.grad, expected.weight.grad)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_int_is_symmetric_up_to_the_largest_weight_of_a_channel(bits):
    w = weights(5, 40)
    scale = w.abs().amax(1, keepdim=True) / (2 ** (bits - 1) - 1)
    torch.testing.assert_close(brevitas_int(w, bits=bits)(w), (w / scale).round() * scale)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_fixed_point_has_powers_of_two(bits):
    w = weights(5, 40)
    most = 2 ** (bits - 1)
    scale = 2 ** (w.abs().amax(1, keepdim=True) / most).log2().ceil()
    expected = (w / scale).round().clamp(1 - most, most - 1) * scale
    torch.testing.assert_close(brevitas_fixed_point(w, bits=bits)(w), expected)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_shifted_reaches_from_the_least_to_the_largest_weight(bits):
    w = weights(5, 40)
    low, high = w.amin(1, keepdim=True), w.amax(1, keepdim=True)
    scale = (high - low) / (2**bits - 1)
    zero = (-low / scale).round()
    expected = ((w / scale + zero).round().clamp(0, 2**bits - 1) - zero) * scale
    torch.testing.assert_close(brevitas_shifted(w, bits=bits)(w), expected)


def test_a_learned_scale_starts_at_less_error_than_the_largest_weight_gives():
    w = weights(5, 400)
    errors = [(brevitas_int(w, bits=3, fit=fit)(w) - w).square().mean() for fit in ("mse", "max")]
    assert errors[0] < errors[1]
    assert [name for name, _ in brevitas_int(w, bits=3, fit="mse").named_parameters()]


@pytest.mark.parametrize("factory", [brevitas_int, brevitas_fixed_point, brevitas_shifted])
def test_membranes_are_refused(factory):
    model: nn.Module = sew_resnet8(4, channels=1)
    with pytest.raises(OptionError, match="a membrane is no weight"):
        quantize_membranes(model, lambda name, tensor: factory(tensor, bits=4), "post_reset", (1, 8, 8))


@pytest.mark.parametrize("bits", [2, 3, 8])
@pytest.mark.parametrize("largest", [0.5, 0.5001, 0.75, 1.0, 1.2])
def test_fixed_point_clips_the_largest_weight_at_2_bits(largest, bits):
    w = torch.linspace(-largest, largest, 41).view(1, -1)
    most = brevitas_fixed_point(w, bits=bits)(w).max()
    assert (most < largest) if bits == 2 else (most >= largest * (1 - 2.0 ** (1 - bits)) * 0.99)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("per", ["channel", "tensor"])
@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("offset", [-1.05, -0.2, 0.2, 1.05])
def test_channels_of_one_sign_are_within_half_a_step(offset, bits, per, dtype):
    w = offset + torch.linspace(-0.1, 0.1, 60, dtype=dtype).view(1, -1).repeat(3, 1)
    q = brevitas_shifted(w, bits=bits, per=per)
    x = w.clone().requires_grad_()
    found = q(x)
    step = w.abs().max() / (2**bits - 1)
    assert (found - w).abs().max() <= step / 2 + 1e-6
    assert len(found[0].unique()) <= 2**bits
    found.sum().backward()
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("factory", "options", "theirs"), SETTINGS)
def test_16_bit_weights_with_a_pruned_channel(factory, options, theirs, dtype):
    w = weights(4, 30)
    w[1] = 0
    w = w.to(dtype)
    found = factory(w, bits=4, **options)(w)
    assert found.dtype == dtype
    assert torch.equal(found, factory(w.float(), bits=4, **options)(w.float()).to(dtype))
    assert not found[1].any()


@pytest.mark.parametrize(("factory", "options", "theirs"), SETTINGS)
def test_a_channel_that_is_zero_at_first_may_grow(factory, options, theirs):
    w = weights(4, 30)
    w[1] = 0
    quantizer, grown = factory(w, bits=4, **options), weights(4, 30)
    assert not quantizer(w)[1].any()
    assert quantizer(grown)[1].abs().max() > 0.1


def test_a_tensor_of_zeros_may_grow():
    quantizer = brevitas_int(torch.zeros(2, 9), bits=4, fit="mse")
    assert quantizer(torch.ones(2, 9)).min() == 1
