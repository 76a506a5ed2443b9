"""SpikingJelly's networks as models of snnbench: the parametric LIF network of Fang et al. 2021 (arXiv 2007.05785)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import Field
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from spikingjelly.activation_based.model.parametric_lif_net import CIFAR10Net
from torch import Tensor, nn

from snnbench import hookimpl
from snnbench.errors import OptionError

_VOTERS = 10


class DirectlyEncoded(nn.Module):
    """A SpikingJelly network that sees the same image at each of T steps; its logits are means over the steps."""

    def __init__(self, network: nn.Module, timesteps: int) -> None:
        super().__init__()
        functional.set_step_mode(network, "m")
        self.network, self.timesteps = network, timesteps

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, num_classes) of images (N, C, H, W); no state is left over."""
        functional.reset_net(self.network)
        votes: Tensor = self.network(images.expand(self.timesteps, *images.shape))
        functional.reset_net(self.network)
        return votes.mean(0)


def plif_net(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    channels: Annotated[int, Field(ge=1)] = 256,
    timesteps: Annotated[int, Field(ge=1)] = 8,
) -> nn.Module:
    """SpikingJelly's CIFAR10Net: six convolutions, two linear layers, parametric LIF neurons, voting by ten.

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


@hookimpl
def snnbench_models() -> dict[str, Callable[..., nn.Module]]:
    """``spikingjelly-plif``."""
    return {"spikingjelly-plif": plif_net}
