"""Which layers run when, and which weights feed which neurons."""

from __future__ import annotations

import torch
from torch import nn

from snnbench.nn import sew_resnet8
from snnbench.quant import feeding_quantizers, quantize_weights, quantizers
from snnbench.quant.order import feeding, running_order


def test_the_order_is_that_of_the_first_run() -> None:
    first, second, idle = (nn.Linear(2, 2) for _ in range(3))
    layers = {"idle": idle, "second": second, "first": first}
    assert running_order(layers, lambda: first(second(first(torch.ones(1, 2))))) == ("first", "second")


def test_weights_feed_the_neuron_right_after_them() -> None:
    order = ("conv1", "neuron1", "conv2", "conv3", "neuron2", "neuron3", "fc")
    assert feeding(order, {"neuron1", "neuron2", "neuron3"}) == {"neuron1": "conv1", "neuron2": "conv3"}


def test_each_convolution_of_a_sew_resnet_feeds_its_own_neuron() -> None:
    model = sew_resnet8(4, 10, 2).train()
    quantize_weights(model, lambda name, weight: nn.Identity())
    found, offered = feeding_quantizers(model, (3, 8, 8)), quantizers(model)
    assert found == {name.removesuffix("conv") + "neuron": quantizer for name, quantizer in offered.items()}
    assert "stem.neuron" not in found
    assert model.training
