"""A plain spiking VGG for small images: convolution, batch norm and neuron in a row, with direct encoding."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from torch import nn

from snnbench.nn.sew_resnet import ConvBNNeuron, DirectlyEncoded, NeuronName, Stem, check_counts, neuron_factory

_STAGES = 4


class SpikingVGG(DirectlyEncoded):
    """Two layers in each of four stages of ``width * 2**k`` channels, then the mean over positions and a classifier.

    Where the published networks pool, the first layer of a stage has a stride of 2: the largest of some spikes is not
    the spike of the largest rate, so that a network trained without time would lose what max-pooling gave it.

    Args:
        width: channels of the first stage.
        num_classes: number of logits.
        timesteps: T; the attribute of the same name may be changed between calls.
        neuron: ``"if"``, ``"lif"`` or ``"plif"``.
        channels: channels of the images.
        bn_scale: initial scale of the batch norms.
        bn_bias: their initial bias.
        neuron_options: as in `SEWResNet`.

    Raises:
        ValueError: for an unknown `neuron`, or a count below 1.
    """

    def __init__(
        self,
        width: int = 64,
        num_classes: int = 10,
        timesteps: int = 4,
        *,
        neuron: NeuronName = "if",
        channels: int = 3,
        bn_scale: float = 1.0,
        bn_bias: float = 0.0,
        **neuron_options: Any,
    ) -> None:
        super().__init__()
        check_counts(width=width, num_classes=num_classes, timesteps=timesteps)
        make_neuron = neuron_factory(neuron, **neuron_options)
        self.stem = Stem(channels, width, make_neuron(), timesteps)
        outputs = [width << stage for stage in range(_STAGES) for _ in range(2)]
        self.blocks = nn.Sequential()
        for inputs, out in pairwise(outputs):
            stride = 1 if inputs == out else 2
            self.blocks.append(ConvBNNeuron(inputs, out, 3, stride, make_neuron()))
        self.fc = nn.Linear(outputs[-1], num_classes)
        self._initialise(bn_scale, bn_bias)


def spiking_vgg9(width: int = 64, num_classes: int = 10, timesteps: int = 4, **options: Any) -> SpikingVGG:
    """Spiking VGG of eight convolutions and a classifier; 8 spiking layers. Options as in `SpikingVGG`."""
    return SpikingVGG(width, num_classes, timesteps, **options)
