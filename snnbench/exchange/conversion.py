"""A network as a graph of NIR and the sidecar that says the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from snnbench.errors import GraphError
from snnbench.exchange.batch_norm import BATCH_NORMS, describe_batch_norm, folded, scale_and_bias, scale_node
from snnbench.exchange.following import follow
from snnbench.exchange.foreign import own_neuron
from snnbench.exchange.graph import Graph, Node, Shape, output_shape
from snnbench.exchange.network import GraphNetwork, Pool, Scale, Threshold
from snnbench.exchange.neurons import describe_neuron, neuron_node
from snnbench.exchange.readouts import integrator_node, own_integrator
from snnbench.exchange.sidecar import KEY, BatchNorm, Neuron, Sidecar, SidecarWeights
from snnbench.exchange.used_weights import used_weight
from snnbench.exchange.weights import Declared, describe_weights
from snnbench.exchange.wiring import INPUT, OUTPUT, pair
from snnbench.quant.audit import basis_of

Conv = nn.Conv1d | nn.Conv2d


@dataclass(frozen=True)
class Plan:
    """How a network is written.

    Attributes:
        input_shape: shape of one image, (C, H, W), or of one row of features.
        timesteps: T; None for that of a forward that loops over its steps.
        dt: length of a step, in the unit that time constants are to have.
        fold: fold batch norms into their convolutions; otherwise each becomes a bias and a Scale.
        declared: what is known of quantized weights, by layer.
        origin: where the network comes from.
    """

    input_shape: Shape
    timesteps: int | None
    dt: float = 1e-4
    fold: bool = False
    declared: Mapping[str, Declared] | None = None
    origin: Mapping[str, Any] | None = None


def convert(model: nn.Module, plan: Plan) -> tuple[Graph, Sidecar]:
    """The graph of `model`, with its sidecar in the metadata, and the sidecar.

    Raises:
        GraphError: if the network does what neither can say; the message names the layer.
    """
    if plan.dt <= 0 or not np.isfinite(plan.dt):
        raise GraphError(f"dt={plan.dt} must be above 0")
    made = _Conversion(model, plan)
    made.run()
    sidecar = Sidecar(
        dt=plan.dt,
        timesteps=made.timesteps,
        weights=made.weights,
        full_precision=made.full_precision,
        batch_norms={} if plan.fold else made.norms,
        neurons=made.neurons,
        origin=None if plan.origin is None else dict(plan.origin),
    )
    return Graph(made.nodes, made.edges, {KEY: sidecar.model_dump_json(exclude_none=True)}), sidecar


class _Conversion:
    """Makes a node of each module, in running order, and takes down what the nodes cannot say."""

    def __init__(self, model: nn.Module, plan: Plan) -> None:
        self.plan = plan
        self.wiring, looped = follow(model, plan.input_shape, plan.timesteps)
        self.timesteps = _steps(plan.timesteps, looped)
        self.declared = _remembered(model) if plan.declared is None else plan.declared
        self.nodes: dict[str, Node] = {}
        self.edges = list(self.wiring.edges)
        self.shapes: dict[str, Shape] = {}
        self.weights: dict[str, SidecarWeights] = {}
        self.full_precision: list[str] = []
        self.neurons: dict[str, Neuron] = {}
        self.norms = dict(self._norms())
        self.norm_of = {norm.conv: name for name, norm in self.norms.items()}

    def run(self) -> None:
        self._put(INPUT, Node("Input", {"shape": np.array(self.plan.input_shape)}), ())
        for name, module in self.wiring.modules.items():
            if self.plan.fold and name in self.norms:
                self._bridge(name)
            else:
                shape = self._arriving(name)
                self._put(name, self._node(name, module, shape), shape)
        last = self._arriving(OUTPUT)
        self._put(OUTPUT, Node("Output", {"shape": np.array(last)}), last)

    def _norms(self) -> list[tuple[str, BatchNorm]]:
        found = []
        for name, module in self.wiring.modules.items():
            if isinstance(module, BATCH_NORMS):
                sources = [source for source, target in self.wiring.edges if target == name]
                others = [target for source, target in self.wiring.edges if source == sources[0] and target != name]
                if len(sources) > 1 or others:
                    raise GraphError(f"batch norm '{name}' is not the only one to follow one layer")
                conv = self.wiring.modules.get(sources[0], module)
                found.append((name, describe_batch_norm(name, module, sources[0], conv)))
        return found

    def _bridge(self, name: str) -> None:
        """Take a folded batch norm out of the graph."""
        conv = self.norms[name].conv
        moved = [(conv if source == name else source, target) for source, target in self.edges]
        self.edges = [edge for edge in moved if edge[1] != name]

    def _arriving(self, name: str) -> Shape:
        arriving = {self.shapes[source] for source, target in self.edges if target == name}
        if len(arriving) != 1:
            raise GraphError(f"layer '{name}' adds inputs of different shapes: {', '.join(map(str, sorted(arriving)))}")
        return arriving.pop()

    def _put(self, name: str, node: Node, arriving: Shape) -> None:
        self.nodes[name] = node
        self.shapes[name] = output_shape(name, node, arriving)

    def _node(self, name: str, module: nn.Module, shape: Shape) -> Node:
        if (neuron := own_neuron(name, module)) is not None:
            self.neurons[name] = describe_neuron(name, neuron, shape)
            return neuron_node(self.neurons[name], shape, self.plan.dt)
        if (integrator := own_integrator(name, module)) is not None:
            return integrator_node(name, integrator, shape, self.plan.dt)
        if isinstance(module, BATCH_NORMS):
            return scale_node(self.norms[name], shape)
        if isinstance(module, Conv | nn.Linear):
            return self._weight_node(name, module, shape)
        return _plain_node(name, module, shape)

    def _weight_node(self, name: str, module: Conv | nn.Linear, shape: Shape) -> Node:
        weight = used_weight(name, module, shape).numpy()
        bias = None if module.bias is None else module.bias.detach().cpu().numpy()
        if name in self.norm_of:
            norm = self.norms[self.norm_of[name]]
            weight, bias = folded(norm, weight) if self.plan.fold else (weight, scale_and_bias(norm)[1])
            weight, bias = weight.astype(np.float32), bias.astype(np.float32)
        self._note_weights(name, torch.from_numpy(weight), self._declared(name, module))
        if isinstance(module, nn.Linear):
            own = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
            return Node("Linear" if bias is None else "Affine", own)
        bias = np.zeros(len(weight), weight.dtype) if bias is None else bias
        return _convolution_node(name, module, weight, bias, shape)

    def _note_weights(self, name: str, weight: Tensor, declared: Declared | None) -> None:
        described = describe_weights(weight, declared)
        if described is None:
            self.full_precision.append(name)
        else:
            self.weights[name] = described

    def _declared(self, name: str, module: nn.Module) -> Declared | None:
        if self.declared is not None:
            return self.declared.get(name)
        if not parametrize.is_parametrized(module, "weight"):
            return None
        quantizer = cast(Any, module.parametrizations)["weight"][0]
        bits = getattr(quantizer, "bits", None)
        return Declared(bits if isinstance(bits, int) else None, basis_of(quantizer))


def _steps(given: int | None, looped: int | None) -> int:
    if given is None and looped is None:
        raise GraphError("the number of steps is not said by the network: give timesteps=T")
    if given is not None and looped not in (None, given):
        raise GraphError(f"timesteps={given}, and the network runs {looped} steps")
    return given or looped or 1


def _remembered(model: nn.Module) -> dict[str, Declared] | None:
    """What the sidecar of a network that was read says of its weights."""
    if not isinstance(model, GraphNetwork) or model.sidecar is None:
        return None
    weights = model.sidecar.weights.items()
    return {name: Declared(each.bits, torch.tensor(each.basis) if each.basis else None) for name, each in weights}


def _convolution_node(name: str, module: Conv, weight: Any, bias: Any, shape: Shape) -> Node:
    if module.padding_mode != "zeros" or isinstance(module, nn.modules.conv._ConvTransposeNd):
        raise GraphError(f"layer '{name}' pads with padding_mode='{module.padding_mode}'; NIR pads with zeros")
    one = isinstance(module, nn.Conv1d)
    numbers = {"input_shape": shape[1:], "stride": module.stride, "dilation": module.dilation}
    if not isinstance(module.padding, str):
        numbers["padding"] = module.padding
    geometry = {field: np.array(value[0] if one else value) for field, value in numbers.items()}
    own = {"weight": weight, "bias": bias, "padding": module.padding, "groups": np.array(module.groups)}
    return Node("Conv1d" if one else "Conv2d", {**own, **geometry})


def _plain_node(name: str, module: nn.Module, shape: Shape) -> Node:
    if isinstance(module, nn.Flatten):
        dims = {"start_dim": module.start_dim, "end_dim": module.end_dim}
        without_batch = {field: np.array(dim - 1 if dim > 0 else dim) for field, dim in dims.items()}
        return Node("Flatten", {**without_batch, "input_type": np.array(shape)})
    if isinstance(module, nn.AdaptiveAvgPool2d):
        if pair(module.output_size) != (1, 1):
            raise GraphError(f"layer '{name}' pools to {module.output_size}; only pooling to 1 has a fixed kernel")
        return _pool_node(shape[1:], shape[1:], (0, 0))
    if isinstance(module, nn.AvgPool2d):
        if module.ceil_mode or module.divisor_override or (any(pair(module.padding)) and not module.count_include_pad):
            raise GraphError(f"layer '{name}' pools in a way that NIR cannot say: {module}")
        return _pool_node(pair(module.kernel_size), pair(module.stride), pair(module.padding))
    if isinstance(module, Pool):
        return _pool_node(module.kernel, module.stride, module.padding, "AvgPool2d" if module.mean else "SumPool2d")
    if isinstance(module, Scale):
        return Node("Scale", {"scale": np.broadcast_to(module.scale.numpy(), shape).copy()})
    if isinstance(module, Threshold):
        return Node("Threshold", {"threshold": np.broadcast_to(module.threshold.numpy(), shape).copy()})
    raise GraphError(f"layer '{name}' is a {type(module).__name__}, which a graph of NIR cannot say")


def _pool_node(kernel: Shape, stride: Shape, padding: Shape, kind: str = "AvgPool2d") -> Node:
    sizes = {"kernel_size": kernel, "stride": stride, "padding": padding}
    return Node(kind, {field: np.array(size) for field, size in sizes.items()})
