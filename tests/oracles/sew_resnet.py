"""SEW-ResNet built from SpikingJelly's layers and neurons, with the parameter names of ours."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from spikingjelly.activation_based import functional, layer, neuron, surrogate

MERGE = {"ADD": lambda a, i: a + i, "AND": lambda a, i: a * i, "IAND": lambda a, i: i * (1 - a)}


def oracle_neuron(name: str, reset: str, decay_input: bool = True, detach_reset: bool = False) -> nn.Module:
    common = {
        "v_reset": 0.0 if reset == "hard" else None,
        "surrogate_function": surrogate.ATan(alpha=2.0),
        "detach_reset": detach_reset,
        "step_mode": "m",
    }
    if name == "if":
        return neuron.IFNode(**common)
    if name == "lif":
        return neuron.LIFNode(tau=2.0, decay_input=decay_input, **common)
    return neuron.ParametricLIFNode(init_tau=2.0, decay_input=decay_input, **common)


class Layer(nn.Module):
    def __init__(self, channels: int, out: int, kernel: int, stride: int, name: str, reset: str) -> None:
        super().__init__()
        self.conv = layer.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False, step_mode="m")
        self.bn = layer.BatchNorm2d(out, step_mode="m")
        self.neuron = oracle_neuron(name, reset)

    def forward(self, x: Tensor) -> Tensor:
        return self.neuron(self.bn(self.conv(x)))


class Block(nn.Module):
    def __init__(self, channels: int, out: int, stride: int, connect: str, name: str, reset: str) -> None:
        super().__init__()
        self.layer1 = Layer(channels, out, 3, stride, name, reset)
        self.layer2 = Layer(out, out, 3, 1, name, reset)
        reshapes = stride != 1 or channels != out
        self.shortcut = Layer(channels, out, 1, stride, name, reset) if reshapes else nn.Identity()
        self.connect = connect

    def forward(self, x: Tensor) -> Tensor:
        return MERGE[self.connect](self.layer2(self.layer1(x)), self.shortcut(x))


class OracleSEWResNet(nn.Module):
    """Runs the stem at every step, as SpikingJelly does."""

    def __init__(self, blocks: list[int], width: int, timesteps: int, connect: str, name: str, reset: str) -> None:
        super().__init__()
        self.timesteps = timesteps
        self.stem = Layer(3, width, 3, 1, name, reset)
        self.blocks = nn.Sequential()
        inputs = width
        for stage, depth in enumerate(blocks):
            for index in range(depth):
                stride = 2 if stage and index == 0 else 1
                self.blocks.add_module(
                    f"{stage + 1}_{index + 1}", Block(inputs, width << stage, stride, connect, name, reset)
                )
                inputs = width << stage
        self.fc = layer.Linear(inputs, 10, step_mode="m")

    def forward(self, images: Tensor) -> Tensor:
        functional.reset_net(self)
        x = self.blocks(self.stem(images.repeat(self.timesteps, 1, 1, 1, 1)))
        return self.fc(x.mean(dim=(-2, -1))).mean(0)


def spikes_of(model: nn.Module, images: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """Output of every module named ``neuron``, and the logits."""
    seen: dict[str, Tensor] = {}
    handles = [
        module.register_forward_hook(lambda _m, _i, out, name=name: seen.__setitem__(name, out))
        for name, module in model.named_modules()
        if name.endswith("neuron")
    ]
    with torch.no_grad():
        logits = model(images)
    for handle in handles:
        handle.remove()
    return seen, logits
