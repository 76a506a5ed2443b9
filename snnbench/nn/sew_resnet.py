"""SEW-ResNet (Fang et al. 2021, arXiv 2102.04159) for small images, with direct encoding over T time steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from snnbench.nn.averaged import averages, constant_gradient, convolve_averaged, fork
from snnbench.nn.neurons import NEURONS, SpikingNeuron

Connect = Literal["ADD", "AND", "IAND"]
NeuronName = Literal["if", "lif", "plif"]
_MERGE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "ADD": lambda a, i: a + i,
    "AND": lambda a, i: a * i,
    "IAND": lambda a, i: i * (1 - a),
}


def per_step(module: nn.Module, x: Tensor) -> Tensor:
    """Apply a stateless `module` to every step of ``(T, N, ...)`` as one batch."""
    y: Tensor = module(x.flatten(0, 1))
    return y.view(*x.shape[:2], *y.shape[1:])


class ConvBNNeuron(nn.Module):
    """Convolution, batch norm, neuron on ``(T, N, C, H, W)``."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int, neuron: SpikingNeuron) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(out)
        self.neuron = neuron

    def forward(self, x: Tensor) -> Tensor:
        """Spikes (T, N, out, H, W) of spikes or block outputs (T, N, channels, H, W)."""
        current = convolve_averaged(self.conv, x) if averages(self.conv) else per_step(self.conv, x)
        spikes: Tensor = self.neuron(per_step(self.bn, current))
        return spikes


class Stem(ConvBNNeuron):
    """The first layer: the same image drives every step, so convolution and batch norm run once."""

    def __init__(self, channels: int, out: int, neuron: SpikingNeuron, timesteps: int) -> None:
        super().__init__(channels, out, 3, 1, neuron)
        self.timesteps = timesteps

    def forward(self, x: Tensor) -> Tensor:
        """Spikes (T, N, out, H, W) of images (N, channels, H, W)."""
        current: Tensor = self.bn(self.conv(x))
        spikes: Tensor = self.neuron(current.expand(self.timesteps, *current.shape))
        return spikes


class SEWBlock(nn.Module):
    """Two spiking layers and a shortcut, merged by `connect`; no neuron after the merge."""

    def __init__(
        self, channels: int, out: int, stride: int, connect: Connect, make_neuron: Callable[[], SpikingNeuron]
    ) -> None:
        super().__init__()
        self.layer1 = ConvBNNeuron(channels, out, 3, stride, make_neuron())
        self.layer2 = ConvBNNeuron(out, out, 3, 1, make_neuron())
        reshapes = stride != 1 or channels != out
        self.shortcut = ConvBNNeuron(channels, out, 1, stride, make_neuron()) if reshapes else nn.Identity()
        self.connect = connect

    def forward(self, x: Tensor) -> Tensor:
        """Block output (T, N, out, H', W'): spikes, or small integers with ADD."""
        along, across = fork(x)
        return _MERGE[self.connect](self.layer2(self.layer1(along)), self.shortcut(across))


class DirectlyEncoded(nn.Module):
    """Images (N, C, H, W) in, logits (N, classes) out: the image drives every step, logits are averaged over steps.

    Subclasses make `stem`, `blocks` and `fc`, and end in ``_initialise``.
    """

    stem: Stem
    blocks: nn.Sequential
    fc: nn.Linear

    @property
    def timesteps(self) -> int:
        """T, the number of time steps of a forward pass."""
        return self.stem.timesteps

    @timesteps.setter
    def timesteps(self, value: int) -> None:
        self.stem.timesteps = value

    def _initialise(self, bn_scale: float, bn_bias: float) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.constant_(module.weight, bn_scale)
                nn.init.constant_(module.bias, bn_bias)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, num_classes) of normalised `images` (N, C, H, W)."""
        x = constant_gradient(self.blocks(self.stem(images)))
        pooled = (x if x.is_floating_point() else x.float()).mean(dim=(-2, -1))
        return per_step(self.fc, pooled).mean(0)


class SEWResNet(DirectlyEncoded):
    """Spike-element-wise ResNet: images (N, C, H, W) in, logits (N, num_classes) out, averaged over T steps.

    Args:
        blocks: number of blocks in each stage; stage k has ``width * 2**k`` channels, all but the first halve the
            image.
        width: channels of the first stage.
        num_classes: number of logits.
        timesteps: T; the attribute of the same name may be changed between calls.
        connect: how a block merges its branches: ``"ADD"``, ``"AND"`` or ``"IAND"``.
        neuron: ``"if"``, ``"lif"`` or ``"plif"``.
        channels: channels of the images.
        bn_scale: initial scale of the batch norms. A LIF neuron with decayed input divides its current by tau, so with
            1 hardly anything fires at first; tau * theta keeps the layers alive (as threshold-dependent batch norm).
        bn_bias: their initial bias. Half of a layer is above the current that first makes a neuron fire if it is that
            current: theta for LIF with decayed input. With a small scale this suits training without time.
        neuron_options: ``learn_threshold=True`` gives each layer a learned threshold; others go to the neuron class.

    Raises:
        ValueError: for an unknown `connect` or `neuron`, or a count below 1.
    """

    def __init__(
        self,
        blocks: Sequence[int],
        width: int,
        num_classes: int = 10,
        timesteps: int = 4,
        connect: Connect = "ADD",
        *,
        neuron: NeuronName = "lif",
        channels: int = 3,
        bn_scale: float = 1.0,
        bn_bias: float = 0.0,
        **neuron_options: Any,
    ) -> None:
        super().__init__()
        if connect not in _MERGE:
            raise ValueError(f"connect={connect!r} is not one of {', '.join(_MERGE)}")
        check_counts(width=width, num_classes=num_classes, timesteps=timesteps)
        make_neuron = neuron_factory(neuron, **neuron_options)
        self.stem = Stem(channels, width, make_neuron(), timesteps)
        self.blocks = nn.Sequential()
        inputs = width
        for stage, depth in enumerate(blocks):
            for index in range(depth):
                stride = 2 if stage and index == 0 else 1
                block = SEWBlock(inputs, width << stage, stride, connect, make_neuron)
                self.blocks.add_module(f"{stage + 1}_{index + 1}", block)
                inputs = width << stage
        self.fc = nn.Linear(inputs, num_classes)
        self._initialise(bn_scale, bn_bias)


def check_counts(**counts: int) -> None:
    """Refuse a count below 1.

    Raises:
        ValueError: naming it.
    """
    for name, value in counts.items():
        if value < 1:
            raise ValueError(f"{name}={value} must be at least 1")


def neuron_factory(
    neuron: str, learn_threshold: bool = False, threshold: float = 1.0, **options: Any
) -> Callable[[], SpikingNeuron]:
    """What makes a network's neurons, each with a threshold of its own if it is learned.

    Raises:
        ValueError: for an unknown `neuron`.
    """
    if neuron not in NEURONS:
        raise ValueError(f"neuron={neuron!r} is not one of {', '.join(NEURONS)}")

    def make() -> SpikingNeuron:
        theta = nn.Parameter(torch.tensor(threshold)) if learn_threshold else threshold
        return NEURONS[neuron](threshold=theta, **options)

    return make


def sew_resnet8(
    width: int = 64, num_classes: int = 10, timesteps: int = 4, connect: Connect = "ADD", **options: Any
) -> SEWResNet:
    """SEW-ResNet with stages [1, 1, 1] and 9 spiking layers (the name is not standard). Options as in `SEWResNet`."""
    return SEWResNet([1, 1, 1], width, num_classes, timesteps, connect, **options)


def sew_resnet18(
    width: int = 64, num_classes: int = 10, timesteps: int = 4, connect: Connect = "ADD", **options: Any
) -> SEWResNet:
    """SEW-ResNet-18: stages [2, 2, 2, 2], 20 spiking layers. Options as in `SEWResNet`."""
    return SEWResNet([2, 2, 2, 2], width, num_classes, timesteps, connect, **options)


def sew_resnet34(
    width: int = 64, num_classes: int = 10, timesteps: int = 4, connect: Connect = "ADD", **options: Any
) -> SEWResNet:
    """SEW-ResNet-34: stages [3, 4, 6, 3], 36 spiking layers. Options as in `SEWResNet`."""
    return SEWResNet([3, 4, 6, 3], width, num_classes, timesteps, connect, **options)
