"""The contract of calibration: which inputs a quantizer is shown, of which images, in which order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from oracles.kernels import needs_kernels
from torch import Tensor, nn

from snnbench.bench.bench import open_bench
from snnbench.bench.calibration import CalibrationBatches, calibration_images
from snnbench.errors import OptionError
from snnbench.nn import sew_resnet8
from snnbench.nn.compiled import optimize
from snnbench.quant import quantize_weights, quantizers
from snnbench.quant.calibration import LayerInputs, calibrate, columns, layer_inputs


class Halves(nn.Module):
    """Halves a weight from the moment it is calibrated, and remembers what it was shown."""

    def __init__(self, order: list[str], name: str) -> None:
        super().__init__()
        self.order, self.name, self.factor = order, name, 1.0

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor

    def calibrate(self, inputs: LayerInputs) -> None:
        self.order.append(self.name)
        self.shown, self.again = torch.cat(list(inputs)), torch.cat(list(inputs))
        self.weight, self.timesteps, self.neuron = inputs.weight, inputs.timesteps, inputs.neuron
        self.factor = 0.5


def network(order: list[str]) -> nn.Module:
    torch.manual_seed(0)
    model = sew_resnet8(4, timesteps=3, channels=1, bn_scale=3.0)
    quantize_weights(model, lambda name, weight: Halves(order, name))
    return model


def batches() -> list[Tensor]:
    return list(torch.randn(3, 2, 1, 8, 8, generator=torch.Generator().manual_seed(0)))


def test_each_layer_is_calibrated_once_and_the_mode_stays():
    order: list[str] = []
    model = network(order).train()
    assert calibrate(model, batches()) == tuple(order)
    assert sorted(order) == sorted(quantizers(model))
    assert model.training


def test_a_layer_is_shown_the_neuron_that_it_feeds():
    model = network([])
    calibrate(model, batches())
    for name, quantizer in quantizers(model).items():
        neuron = model.get_submodule(name.removesuffix("conv") + "neuron")
        assert repr(quantizer.neuron) == repr(neuron)
        assert quantizer.neuron is not neuron


@needs_kernels
def test_the_fast_form_shows_what_the_network_itself_would():
    plain, fast = network([]), network([])
    for model in (plain, fast):
        model.to(memory_format=torch.channels_last)
    images = [batch.contiguous(memory_format=torch.channels_last) for batch in batches()]
    form, ran = optimize(fast).train(), []
    form.register_forward_pre_hook(lambda *_: ran.append(True))
    assert calibrate(plain, images) == calibrate(fast, images, form)
    assert form.training
    assert ran
    others = quantizers(fast)
    for name, quantizer in quantizers(plain).items():
        assert torch.equal(quantizer.shown, others[name].shown)
        assert torch.equal(quantizer.again, others[name].again)
        assert repr(quantizer.neuron) == repr(others[name].neuron)


class Backwards(nn.Module):
    """Names its layers in another order than it runs them, and has one that it never runs."""

    def __init__(self) -> None:
        super().__init__()
        self.last, self.idle, self.first = (nn.Linear(6, 6, bias=False) for _ in range(3))
        self.timesteps = 3

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.first(x).repeat(self.timesteps, 1))


def test_the_order_is_that_in_which_the_layers_run():
    order: list[str] = []
    model = Backwards()
    quantize_weights(model, lambda name, weight: Halves(order, name), exempt=())
    assert calibrate(model, [torch.randn(4, 6)]) == tuple(order) == ("first", "last")


def test_what_is_computed_once_for_all_steps_is_shown_at_each_of_them():
    model, x = Backwards(), torch.randn(4, 6)
    quantize_weights(model, lambda name, weight: Halves([], name), exempt=())
    calibrate(model, [x])
    assert torch.equal(quantizers(model)["first"].shown, x.repeat(3, 1))
    assert quantizers(model)["last"].neuron is None
    assert torch.equal(quantizers(model)["last"].shown, model.first(x).detach().repeat(3, 1))


def test_a_layer_is_shown_what_it_sees_with_the_layers_before_it_quantized():
    model = network([])
    calibrate(model, batches())
    for name, quantizer in quantizers(model).items():
        seen: list[Tensor] = []
        handle = model.get_submodule(name).register_forward_pre_hook(
            lambda module, inputs, seen=seen: seen.append(*inputs)
        )
        with torch.no_grad():
            for images in batches():
                model.eval()(images)
        handle.remove()
        assert torch.equal(quantizer.shown, torch.cat(seen)), name
        assert torch.equal(quantizer.shown, quantizer.again)
        assert quantizer.timesteps == 3
        assert torch.equal(quantizer.weight, model.get_submodule(name).parametrizations.weight.original)


def test_inputs_are_streamed_and_the_layers_behind_do_not_run():
    model = network([])
    ran: list[int] = []
    model.fc.register_forward_pre_hook(lambda module, inputs: ran.append(1))
    taken: list[int] = []

    def counted():
        for index, images in enumerate(batches()):
            taken.append(index)
            yield images

    name = next(iter(quantizers(model)))
    layer = model.get_submodule(name)
    next(layer_inputs(model, layer, 3, 1, counted()))
    assert taken == [0]
    assert not ran
    assert not layer._forward_pre_hooks


@pytest.mark.parametrize("geometry", [{}, {"stride": 2}, {"padding": 1}, {"dilation": 2}, {"stride": 2, "padding": 1}])
def test_columns_times_the_weight_are_the_layers_output(geometry):
    layer = nn.Conv2d(3, 5, 3, bias=False, **geometry).double()
    x = torch.randn(2, 3, 9, 9, dtype=torch.float64)
    expected = layer(x)
    found = columns(layer, x) @ layer.weight.flatten(1).T
    assert torch.allclose(found.transpose(1, 2).reshape(expected.shape), expected)


def test_columns_of_a_linear_layer():
    layer, x = nn.Linear(4, 3, bias=False), torch.randn(6, 4)
    assert torch.allclose((columns(layer, x) @ layer.weight.T)[:, 0], F.linear(x, layer.weight))


def test_columns_of_a_grouped_convolution_are_refused():
    with pytest.raises(OptionError, match=r"not Conv2d.*groups=2"):
        columns(nn.Conv2d(4, 4, 3, groups=2), torch.zeros(1, 4, 8, 8))


def test_calibration_images_are_a_seeded_subset_of_the_training_split():
    bench = open_bench("digits-sew8")
    data = bench.protocol.data
    train, _ = bench.dataset.load(None, "train")
    known = {image.tobytes() for image in train}

    def chosen(**changes: int) -> np.ndarray:
        protocol = bench.protocol.model_copy(update={"data": data.model_copy(update=changes)})
        return calibration_images(replace(bench, protocol=protocol))

    assert len(calibration_images(bench)) == data.calibration_images
    few = chosen(calibration_images=50)
    assert {image.tobytes() for image in few} <= known
    assert len({image.tobytes() for image in few}) == 50
    assert np.array_equal(few, chosen(calibration_images=50))
    assert not np.array_equal(few, chosen(calibration_images=50, calibration_seed=1))
    assert len(chosen(calibration_images=10**6)) == len(train)


def test_calibration_never_asks_for_the_test_split():
    bench = open_bench("digits-sew8")
    asked: list[str] = []

    class Spy:
        def load(self, root, split):
            asked.append(split)
            return bench.dataset.load(root, split)

    calibration_images(replace(bench, dataset=Spy()))
    assert asked == ["train"]


def test_batches_can_be_iterated_over_again():
    bench = open_bench("digits-sew8")
    found = CalibrationBatches(calibration_images(bench)[:7], bench.normalise, 3)
    first, again = list(found), list(found)
    assert [len(batch) for batch in first] == [3, 3, 1]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
