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
