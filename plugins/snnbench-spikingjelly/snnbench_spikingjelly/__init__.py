"""SpikingJelly's networks as models of snnbench: a network of parametric LIF neurons, MS-ResNet and Spikformer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import Field
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from spikingjelly.activation_based.model.ms_resnet import MSResNet
from spikingjelly.activation_based.model.parametric_lif_net import CIFAR10Net
from spikingjelly.activation_based.model.spikformer import Spikformer
from torch import Tensor, nn

from snnbench import hookimpl
from snnbench.errors import OptionError

_VOTERS = 10
_HEADS = 12
Count = Annotated[int, Field(ge=1)]


class DirectlyEncoded(nn.Module):
    """A SpikingJelly network that sees the same image at each of T steps; its logits are means over the steps."""

    def __init__(self, network: nn.Module, timesteps: int) -> None:
        super().__init__()
        functional.set_step_mode(network, "m")
        self.network, self.timesteps = network, timesteps

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, num_classes) of images (N, C, H, W); no state is left over."""
        functional.reset_net(self.network)
        logits: Tensor = self.network(images.expand(self.timesteps, *images.shape))
        functional.reset_net(self.network)
        return logits.mean(0) if logits.ndim > 2 else logits  # MS-ResNet takes the mean itself


def plif_net(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    channels: Count = 256,
    timesteps: Count = 8,
) -> nn.Module:
    """SpikingJelly's CIFAR10Net (arXiv 2007.05785): six convolutions, two linear layers, parametric LIF, ten votes.

    Raises:
        OptionError: for images that are not 32 x 32, the only size that the network's linear layer is made for.
    """
    if tuple(input_shape[1:]) != (32, 32):
        raise OptionError(f"spikingjelly-plif takes images of 32 x 32, not {input_shape[1]} x {input_shape[2]}")
    network = CIFAR10Net(
        channels, neuron.ParametricLIFNode, init_tau=2.0, surrogate_function=surrogate.ATan(), detach_reset=True
    )
    network.conv_fc[0] = layer.Conv2d(input_shape[0], channels, kernel_size=3, padding=1, bias=False)
    network.conv_fc[-3] = layer.Linear(2048, _VOTERS * num_classes)
    return DirectlyEncoded(network, timesteps)


def ms_resnet18(
    input_shape: tuple[int, int, int], num_classes: int, *, width: Count = 64, timesteps: Count = 6
) -> nn.Module:
    """SpikingJelly's MS-ResNet-18 (arXiv 2112.08954): membrane shortcuts; a stem of 3 x 3 without stride."""
    network = MSResNet(timesteps, input_shape[0], num_classes, base_channels=width, stem_kernel_size=3, stem_stride=1)
    return DirectlyEncoded(network, timesteps)


def spikformer(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    width: Count = 384,
    depth: Count = 4,
    timesteps: Count = 4,
) -> nn.Module:
    """SpikingJelly's Spikformer (arXiv 2209.15425) for small images: patches of 4 x 4, 12 attention heads.

    Raises:
        OptionError: for a width that the heads cannot share, or images that patches do not fill.
    """
    if width % (2 * _HEADS):
        raise OptionError(f"width={width} is not a multiple of {2 * _HEADS}, twice the number of heads")
    if input_shape[1] % 4 or input_shape[2] % 4:
        raise OptionError(f"spikingjelly-spikformer takes images of whole patches of 4 x 4, not {input_shape[1:]}")
    network = Spikformer(
        timesteps,
        input_shape[0],
        *input_shape[1:],
        patch_size=4,
        num_classes=num_classes,
        embed_dims=width,
        num_heads=_HEADS,
        depths=depth,
    )
    return DirectlyEncoded(network, timesteps)


@hookimpl
def snnbench_models() -> dict[str, Callable[..., nn.Module]]:
    """``spikingjelly-plif``, ``spikingjelly-ms-resnet18`` and ``spikingjelly-spikformer``."""
    return {
        "spikingjelly-plif": plif_net,
        "spikingjelly-ms-resnet18": ms_resnet18,
        "spikingjelly-spikformer": spikformer,
    }
