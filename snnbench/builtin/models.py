"""The models that ship: SEW-ResNets and a spiking VGG."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from snnbench.hookspecs import hookimpl
from snnbench.nn.neurons import Reset
from snnbench.nn.sew_resnet import Connect, NeuronName, sew_resnet8, sew_resnet18, sew_resnet34
from snnbench.nn.spiking_vgg import spiking_vgg9 as build_vgg9


def _factory(build: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    def sew_resnet(
        input_shape: tuple[int, int, int],
        num_classes: int,
        *,
        width: int = 64,
        timesteps: int = 4,
        connect: Connect = "ADD",
        neuron: NeuronName = "lif",
        reset: Reset = "hard",
        detach_reset: bool = True,
        v_init: float | None = None,
        learn_threshold: bool = False,
        bn_scale: float = 1.0,
        bn_bias: float = 0.0,
    ) -> nn.Module:
        return _built(**locals() | {"build": build})

    sew_resnet.__doc__ = build.__doc__
    return sew_resnet


def spiking_vgg9(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    width: int = 64,
    timesteps: int = 4,
    neuron: NeuronName = "if",
    reset: Reset = "soft",
    detach_reset: bool = True,
    v_init: float | None = 0.5,
    learn_threshold: bool = False,
    bn_scale: float = 1.0,
    bn_bias: float = 0.0,
) -> nn.Module:
    """Spiking VGG: eight convolutions, batch norm and neuron after each, strides in place of pooling, a classifier."""
    return _built(**locals() | {"build": build_vgg9})


def _built(
    build: Callable[..., nn.Module], input_shape: tuple[int, int, int], num_classes: int, **options: Any
) -> nn.Module:
    """What `build` makes of a factory's arguments, all of which it takes by the same names but for the channels."""
    return build(num_classes=num_classes, channels=input_shape[0], **options)


@hookimpl
def snnbench_models() -> dict[str, Callable[..., nn.Module]]:
    """SEW-ResNet-8, -18 and -34 and a spiking VGG, with direct encoding."""
    residual = {build.__name__: _factory(build) for build in (sew_resnet8, sew_resnet18, sew_resnet34)}
    return {**residual, "spiking_vgg9": spiking_vgg9}
