"""The spiking VGG: layer for layer against a network written out in SpikingJelly."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from snnbench.nn import record_firing, spiking_vgg9
from snnbench.nn.sew_resnet import ConvBNNeuron

pytest.importorskip("spikingjelly")
from spikingjelly.activation_based import functional, layer, neuron


def test_it_gives_the_spikes_of_the_same_layers_in_spikingjelly() -> None:
    torch.manual_seed(0)
    model = spiking_vgg9(4, 7, 4, neuron="if", reset="soft", bn_scale=2.0).eval()
    parts: list[nn.Module] = []
    for block in [model.stem, *model.blocks]:
        conv = block.conv
        parts += [
            layer.Conv2d(conv.in_channels, conv.out_channels, 3, conv.stride, 1, bias=False, step_mode="m"),
            layer.BatchNorm2d(conv.out_channels, step_mode="m"),
            neuron.IFNode(v_reset=None, step_mode="m"),
        ]
        parts[-3].load_state_dict(conv.state_dict())
        parts[-2].load_state_dict(block.bn.state_dict())
    other = nn.Sequential(*parts).eval()
    images = torch.randn(3, 3, 16, 16)
    with torch.inference_mode():
        functional.reset_net(other)
        spikes = other(images.expand(4, *images.shape))
        expected = model.fc(spikes.mean(dim=(-2, -1))).mean(0)
        torch.testing.assert_close(model(images), expected)
    assert float(spikes.sum()) > 0


def test_it_has_eight_spiking_layers_that_halve_the_image_three_times() -> None:
    model = spiking_vgg9(4, 10, 2, bn_scale=2.0)
    with torch.no_grad(), record_firing(model) as recorder:
        model(torch.randn(2, 3, 32, 32))
    sizes = [layer.features for layer in recorder.profile().layers.values()]
    assert sizes == [(4 << k, 32 >> k, 32 >> k) for k in range(4) for _ in range(2)]
    assert sum(isinstance(part, ConvBNNeuron) for part in model.modules()) == 8


@pytest.mark.parametrize(("options", "complaint"), [({"width": 0}, "width=0"), ({"neuron": "no"}, "neuron='no'")])
def test_meaningless_options_are_refused(options: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        spiking_vgg9(**options)  # type: ignore[arg-type]
