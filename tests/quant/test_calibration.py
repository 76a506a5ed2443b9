"""Every call of a layer is among its inputs, whatever form they have; weights are those that the quantizer is given."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from snnbench.nn import sew_resnet8
from snnbench.quant import quantize_weights
from snnbench.quant.calibration import LayerInputs, calibrate, columns

T, N = 3, 2


class Peek(nn.Module):
    """Keeps what it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []
        self.weight = torch.empty(0)

    def forward(self, weight: Tensor) -> Tensor:
        return weight

    def calibrate(self, inputs: LayerInputs) -> None:
        self.seen, self.weight = list(inputs), inputs.weight


class Calls(nn.Module):
    """Spikes (T, N, 4) that are given to `mid` in one way or another."""

    timesteps = T

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way, self.mid = way, nn.Linear(4, 4)
        self.spikes = torch.randint(0, 2, (T, N, 4), generator=torch.Generator().manual_seed(0)).float()

    def forward(self, images: Tensor) -> None:
        spikes = self.spikes[:, : len(images)]
        if self.way == "step by step":
            for step in spikes:
                self.mid(step)
        elif self.way == "by keyword":
            self.mid(input=spikes)
        elif self.way == "twice":
            self.mid(self.mid(spikes.flatten(0, 1)))
        elif self.way == "tokens":
            self.mid(torch.stack([spikes, 1 - spikes], 2).flatten(0, 1))
        elif self.way == "not always":
            for step in spikes[: len(images)]:
                self.mid(step)
        else:
            self.mid(spikes if self.way == "steps apart" else spikes.flatten(0, 1))


def shown(model: Calls) -> list[Tensor]:
    peek = Peek()
    quantize_weights(model, lambda name, weight: peek, exempt=())
    calibrate(model, [torch.ones(N, 1), torch.ones(1, 1)])
    return peek.seen


@pytest.mark.parametrize("way", ["step by step", "by keyword", "steps apart", "steps together"])
def test_all_steps_are_shown_step_by_step(way: str) -> None:
    model = Calls(way)
    expected = [model.spikes.flatten(0, 1), model.spikes[:, :1].flatten(0, 1)]
    for found, spikes in zip(shown(model), expected, strict=True):
        assert torch.equal(found, spikes)


def test_a_layer_that_runs_twice_shows_both_calls() -> None:
    model = Calls("twice")
    first = model.spikes.flatten(0, 1)
    with torch.no_grad():
        expected = torch.cat([first, model.mid(first)])
    assert torch.equal(shown(model)[0], expected)


def test_tokens_are_positions() -> None:
    model = Calls("tokens")
    found = shown(model)[0]
    assert found.shape == (T * N, 2, 4)
    assert torch.equal(columns(model.mid, found), found)


def test_a_call_that_is_left_out_is_no_input() -> None:
    assert [len(batch) for batch in shown(Calls("not always"))] == [N * N, 1]


@pytest.mark.parametrize("mode", ["zeros", "circular", "reflect", "replicate"])
@pytest.mark.parametrize(("padding", "stride"), [(1, 1), ((2, 1), 2), ("same", 1), ("valid", 2), (0, 1)])
def test_columns_are_what_a_convolution_multiplies(mode: str, padding: Any, stride: int) -> None:
    layer = nn.Conv2d(2, 3, 3, stride, padding, padding_mode=mode, bias=False)
    x = torch.randn(4, 2, 6, 7)
    expected = layer(x).flatten(2).transpose(1, 2)
    torch.testing.assert_close(columns(layer, x) @ layer.weight.flatten(1).T, expected)


def test_weights_are_those_that_the_quantizer_is_given() -> None:
    net = sew_resnet8(width=4, num_classes=5, timesteps=3, channels=1)
    layer: Any = net.get_submodule("blocks.1_1.layer1.conv")
    parametrizations.weight_norm(layer)
    expected, peeks = layer.weight.detach().clone(), {}
    quantize_weights(net, lambda name, weight: peeks.setdefault(name, Peek()))
    assert "blocks.1_1.layer1.conv" in calibrate(net, [torch.randn(2, 1, 8, 8)])
    assert torch.equal(peeks["blocks.1_1.layer1.conv"].weight, expected)


@pytest.mark.parametrize("training", [True, False])
def test_every_module_keeps_its_mode(training: bool) -> None:
    net = sew_resnet8(width=4, num_classes=5, timesteps=3, channels=1).train(training)
    net.stem.bn.train(not training)
    quantize_weights(net, lambda name, weight: Peek())
    modes = [module.training for module in net.modules()]
    calibrate(net, [torch.randn(2, 1, 8, 8)])
    assert [module.training for module in net.modules()] == modes
