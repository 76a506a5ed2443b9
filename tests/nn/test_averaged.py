"""Gradients averaged over time, against autograd of an expression that has them by definition."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from oracles.kernels import needs_kernels
from torch import Tensor, nn

from snnbench.builtin.lqnet import lqnet
from snnbench.nn import SEWResNet, averaged_gradients, optimize, sew_resnet8
from snnbench.quant import quantize_weights, quantizers

NETWORKS: list[dict[str, Any]] = [
    {"neuron": "lif"},
    {"neuron": "lif", "tau": 3.0, "decay_input": False, "detach_reset": False},
    {"neuron": "if", "reset": "soft", "threshold": 0.8},
    {"neuron": "plif"},
    {"connect": "AND"},
    {"connect": "IAND"},
]
FORMS = [
    lambda model: model,
    pytest.param(optimize, marks=needs_kernels),
]


class AveragedByDefinition(nn.Module):
    """A convolution whose gradient flows through the convolution of the mean input alone."""

    def __init__(self, conv: nn.Conv2d, timesteps: int) -> None:
        super().__init__()
        self.conv, self.timesteps = conv, timesteps

    def forward(self, flat: Tensor) -> Tensor:
        mean = self.conv(flat.unflatten(0, (self.timesteps, -1)).mean(0))
        steps = self.conv(flat).detach().unflatten(0, (self.timesteps, -1))
        return (steps + mean - mean.detach()).flatten(0, 1)


def network(timesteps: int, dtype: torch.dtype = torch.float64, **options: Any) -> SEWResNet:
    torch.manual_seed(0)
    model = sew_resnet8(8, 5, timesteps, bn_scale=2.0, **options).to(dtype)
    return model.to(memory_format=torch.channels_last)


def by_definition(model: SEWResNet) -> SEWResNet:
    model = copy.deepcopy(model)
    for layer in list(model.blocks.modules()):
        if isinstance(getattr(layer, "conv", None), nn.Conv2d):
            layer.conv = AveragedByDefinition(layer.conv, model.timesteps)
    return model


def gradients(model: nn.Module, images: Tensor) -> list[Tensor]:
    """Of the parameters and the images, by a loss that is not the same for all logits."""
    images = images.clone().requires_grad_()
    logits = model(images)
    weights = torch.linspace(-1, 2, logits.numel(), dtype=logits.dtype).view_as(logits)
    inputs = [*model.parameters(), images]
    return list(torch.autograd.grad((logits * weights).square().sum(), inputs))


@pytest.mark.parametrize("form", FORMS, ids=["eager", "compiled"])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("timesteps", [1, 3, 4])
@pytest.mark.parametrize("options", NETWORKS, ids=str)
def test_gradients_are_those_of_the_definition(
    options: dict[str, Any], timesteps: int, training: bool, form: Callable[[nn.Module], nn.Module]
) -> None:
    model = network(timesteps, **options)
    images = torch.randn(6, 3, 12, 12, dtype=torch.float64)
    model(images)
    model.train(training)
    expected = gradients(by_definition(model), images)
    with averaged_gradients():
        actual = gradients(form(copy.deepcopy(model)), images)
    exact = gradients(copy.deepcopy(model), images)
    scale = [float(part.abs().max()) + 1e-12 for part in expected]
    for mine, theirs, unit in zip(actual, expected, scale, strict=True):
        torch.testing.assert_close(mine / unit, theirs / unit, rtol=0, atol=1e-9)
    far = max(float((a - b).abs().max()) / unit for a, b, unit in zip(exact, expected, scale, strict=True))
    if timesteps == 1 or options.get("connect") != "AND":  # AND may leave no spike to differ by
        assert (far < 1e-9) == (timesteps == 1)


@needs_kernels
@pytest.mark.parametrize("threads", [1, 2])
def test_single_precision_and_threads_give_the_same(threads: int) -> None:
    images = torch.randn(6, 3, 12, 12)
    with averaged_gradients():
        expected = gradients(network(4, torch.float32), images)
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        actual = gradients(optimize(network(4, torch.float32)), images)
        torch.set_num_threads(before)
    for mine, theirs in zip(actual, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=2e-3, atol=2e-3 * float(theirs.abs().max()))


@pytest.mark.parametrize("form", FORMS, ids=["eager", "compiled"])
def test_outputs_and_statistics_do_not_change(form: Callable[[nn.Module], nn.Module]) -> None:
    models = [network(4), network(4)]
    images = torch.randn(6, 3, 12, 12, dtype=torch.float64)
    plain = form(models[0])(images)
    with averaged_gradients():
        averaged = form(models[1])(images)
    assert torch.equal(plain, averaged)
    for mine, theirs in zip(models[1].buffers(), models[0].buffers(), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("form", FORMS, ids=["eager", "compiled"])
def test_low_precision_is_close(form: Callable[[nn.Module], nn.Module]) -> None:
    images = torch.randn(16, 3, 12, 12)
    with averaged_gradients():
        expected = gradients(network(4, torch.float32), images)
        with torch.autocast("cpu", torch.bfloat16):
            actual = gradients(form(network(4, torch.float32)), images)
    last = -3  # the classifier's weight; single spikes that differ make the layers before it differ
    assert torch.cosine_similarity(actual[last].flatten(), expected[last].flatten(), 0) > 0.9
    assert all(part.dtype == torch.float32 and part.isfinite().all() for part in actual)


@pytest.mark.parametrize("form", FORMS, ids=["eager", "compiled"])
def test_a_quantized_convolution_is_averaged_too(form: Callable[[nn.Module], nn.Module]) -> None:
    """A quantizer is read once a forward, and gets the averaged gradient of its output."""
    model, reads = network(4), []
    quantize_weights(model, lambda name, weight: lqnet(weight, bits=3))
    for quantizer in quantizers(model).values():
        quantizer.register_forward_hook(lambda *_: reads.append(1))
    images = torch.randn(6, 3, 12, 12, dtype=torch.float64)
    expected = gradients(by_definition(model), images)
    reads.clear()
    with averaged_gradients():
        actual = gradients(form(copy.deepcopy(model)), images)
    assert len(reads) == len(quantizers(model))
    for mine, theirs in zip(actual, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-9 * float(theirs.abs().max() + 1))


@pytest.mark.parametrize("form", FORMS, ids=["eager", "compiled"])
def test_a_convolution_that_is_watched_is_exact(form: Callable[[nn.Module], nn.Module]) -> None:
    model = network(4)
    calls = []
    for layer in list(model.blocks.modules()):
        conv = getattr(layer, "conv", None)
        if isinstance(conv, nn.Conv2d):
            conv.register_forward_hook(lambda *_: calls.append(1))
    images = torch.randn(6, 3, 12, 12, dtype=torch.float64)
    expected = gradients(copy.deepcopy(model), images)
    with averaged_gradients():
        actual = gradients(form(model), images)
    for mine, theirs in zip(actual, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-9 * float(theirs.abs().max() + 1))
    assert calls


@pytest.mark.parametrize("form", FORMS, ids=["eager", "compiled"])
def test_a_batch_norm_that_is_watched_is_differentiated_step_by_step(form: Callable[[nn.Module], nn.Module]) -> None:
    model = network(4)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.register_forward_hook(lambda *_: None)
    images = torch.randn(6, 3, 12, 12, dtype=torch.float64)
    expected = gradients(by_definition(model), images)
    with averaged_gradients():
        actual = gradients(form(model), images)
    for mine, theirs in zip(actual, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-9 * float(theirs.abs().max() + 1))


def test_the_context_ends_and_can_be_switched_off_inside() -> None:
    images = torch.randn(4, 3, 12, 12, dtype=torch.float64)
    exact = gradients(network(4), images)
    with averaged_gradients():
        with averaged_gradients(False):
            inside = gradients(network(4), images)
        averaged = gradients(network(4), images)
    after = gradients(network(4), images)
    for other in (inside, after):
        assert all(torch.equal(a, b) for a, b in zip(other, exact, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(averaged, exact, strict=True))
