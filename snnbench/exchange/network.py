"""A graph of NIR as a network that runs: images in, logits out, spiking layers findable by the names of their nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from snnbench.errors import GraphError
from snnbench.exchange.batch_norm import build_batch_norm
from snnbench.exchange.graph import INTEGRATORS, NEURONS, Graph, Node, flattened, order, shapes
from snnbench.exchange.neurons import Drive, build_neuron
from snnbench.exchange.readouts import Integrator, build_integrator
from snnbench.exchange.sidecar import Neuron, Sidecar
from snnbench.nn.neurons import SpikingNeuron
from snnbench.nn.sew_resnet import per_step


class Scale(nn.Module):
    """Multiplies each number of an image by one of its own."""

    scale: Tensor

    def __init__(self, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale)

    def forward(self, x: Tensor) -> Tensor:
        """``x * scale`` for `x` (N, ...)."""
        return x * self.scale


class Threshold(nn.Module):
    """1 where a number is above its threshold, else 0."""

    threshold: Tensor

    def __init__(self, threshold: Tensor) -> None:
        super().__init__()
        self.register_buffer("threshold", threshold)

    def forward(self, x: Tensor) -> Tensor:
        """0 and 1 for `x` (N, ...)."""
        return (x > self.threshold).to(x.dtype)


class Pool(nn.Module):
    """Sums or means over windows; over all of an image, the mean is taken at once."""

    def __init__(self, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int], mean: bool) -> None:
        super().__init__()
        self.kernel, self.stride, self.padding, self.mean = kernel, stride, padding, mean

    def forward(self, x: Tensor) -> Tensor:
        """Pooled `x` (N, C, H, W)."""
        if self.mean and tuple(x.shape[-2:]) == self.kernel and not any(self.padding):
            return x.mean(dim=(-2, -1), keepdim=True)
        return F.avg_pool2d(x, self.kernel, self.stride, self.padding, divisor_override=None if self.mean else 1)


class GraphNetwork(nn.Module):
    """Runs a graph step by step over T steps of the same image.

    Modules carry the names of their nodes; where nodes are called ``a`` and ``a.b``, the second lies in the first.

    Attributes:
        graph: the graph; its arrays are not kept up to date.
        sidecar: what NIR cannot say, or None if the file had none.
        dt: length of a step.
        timesteps: T.
        drives: what some neurons do to their input before it charges them, by node.
    """

    def __init__(self, graph: Graph, sidecar: Sidecar | None, timesteps: int, dt: float, drives: Mapping[str, Drive]):
        super().__init__()
        self.graph, self.sidecar, self.timesteps, self.dt = graph, sidecar, timesteps, dt
        self.drives = drives
        self._order = order(graph)
        self._sources = {name: graph.sources(name) for name in self._order}

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one image."""
        return shapes(self.graph)[self._order[0]]

    def forward(self, images: Tensor) -> Tensor:
        """Means over steps (N, *output shape) of the output, of `images` (N, *input shape)."""
        values: dict[str, Tensor] = {}
        left = {name: sum(name in sources for sources in self._sources.values()) for name in self._order}
        for name in self._order:
            sources = self._sources[name]
            arriving = [values[source] for source in sources]
            values[name] = self._run(name, _added(arriving)) if arriving else images.unsqueeze(0)
            for source in sources:
                left[source] -= 1
                if not left[source]:
                    del values[source]
            if not left[name] and self.graph.nodes[name].type != "Output":  # it leads nowhere
                del values[name]
        (output,) = values.values()
        return output.mean(0)

    def _run(self, name: str, x: Tensor) -> Tensor:
        """The output (T or 1, N, ...) of a node; 1 while every step is the same."""
        if self.graph.nodes[name].type == "Output":
            return x
        module = self.get_submodule(name)
        if not isinstance(module, SpikingNeuron | Integrator):
            return per_step(module, x)
        current = self.drives.get(name, Drive())(x)
        given: Tensor = module(current.expand(self.timesteps, *current.shape[1:]))
        return given


def _added(arriving: list[Tensor]) -> Tensor:
    total = arriving[0]
    for value in arriving[1:]:
        total = total + value
    return total


def build_network(
    graph: Graph,
    sidecar: Sidecar | None,
    timesteps: int,
    dt: float,
    neurons: Mapping[str, tuple[Neuron, Drive]],
) -> GraphNetwork:
    """The network of a graph that was checked, with the given neurons."""
    drives = {name: drive for name, (_, drive) in neurons.items() if drive != Drive()}
    network = GraphNetwork(graph, sidecar, timesteps, dt, drives)
    norms = sidecar.batch_norms if sidecar else {}
    own_bias = {norm.conv: norm.conv_bias for norm in norms.values()}
    made = shapes(graph)
    arriving = {name: len(made[source]) for source, name in graph.edges}
    for name, node in graph.nodes.items():
        if node.type in NEURONS:
            _place(network, name, build_neuron(name, neurons[name][0], made[name]))
        elif node.type in INTEGRATORS:
            _place(network, name, build_integrator(name, node, dt))
        elif name in norms:
            _place(network, name, build_batch_norm(norms[name], arriving[name]))
        elif node.type not in ("Input", "Output"):
            bias = own_bias[name] if name in own_bias else node.fields.get("bias")
            _place(network, name, _BUILD[node.type](node, bias, arriving[name]))
    return network.eval()


def _place(network: nn.Module, name: str, module: nn.Module) -> None:
    parent = network
    *folders, last = name.split(".")
    for folder in folders:
        if folder not in parent._modules:
            _put(parent, folder, nn.Module(), name)
        parent = parent.get_submodule(folder)
    for key, child in (parent._modules.get(last) or nn.Module()).named_children():
        _put(module, key, child, f"{name}.{key}")
    _put(parent, last, module, name)


def _put(parent: nn.Module, key: str, module: nn.Module, name: str) -> None:
    try:
        parent.add_module(key, module)
    except KeyError as error:
        raise GraphError(f"node '{name}' has a name that no layer can have ({error.args[0]}); rename it") from error


def _tensor(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)


def _linear(node: Node, bias: Any, dimensions: int) -> nn.Module:
    weight = _tensor(node.array("weight"))
    return _filled(nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None), weight, bias)


def _convolution(node: Node, bias: Any, dimensions: int) -> nn.Module:
    weight, groups, padding = _tensor(node.array("weight")), int(node.array("groups")), node.fields["padding"]
    kind: Any = {"Conv1d": nn.Conv1d, "Conv2d": nn.Conv2d}[node.type]
    conv = kind(
        weight.shape[1] * groups,
        len(weight),
        tuple(weight.shape[2:]),
        stride=node.along("stride"),
        padding=padding if isinstance(padding, str) else node.along("padding"),
        dilation=node.along("dilation"),
        groups=groups,
        bias=bias is not None,
    )
    return _filled(conv, weight, bias)


def _filled(layer: nn.Conv1d | nn.Conv2d | nn.Linear, weight: Tensor, bias: Any) -> nn.Module:
    layer.weight.data.copy_(weight)
    if layer.bias is not None:
        layer.bias.data.copy_(_tensor(bias))
    return layer


def _pool(node: Node, bias: Any, dimensions: int) -> nn.Module:
    return Pool(node.pair("kernel_size"), node.pair("stride"), node.pair("padding"), node.type == "AvgPool2d")


def _flatten(node: Node, bias: Any, dimensions: int) -> nn.Module:
    start, end = flattened(node, dimensions)
    return nn.Flatten(start + 1, end + 1)


def _scale(node: Node, bias: Any, dimensions: int) -> nn.Module:
    return Scale(_tensor(node.array("scale")))


def _threshold(node: Node, bias: Any, dimensions: int) -> nn.Module:
    return Threshold(_tensor(node.array("threshold")))


_BUILD = {
    "Linear": _linear,
    "Affine": _linear,
    "Conv1d": _convolution,
    "Conv2d": _convolution,
    "AvgPool2d": _pool,
    "SumPool2d": _pool,
    "Flatten": _flatten,
    "Scale": _scale,
    "Threshold": _threshold,
}
