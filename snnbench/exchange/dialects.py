"""A graph as the reader of another library understands it: the same network, or a refusal that names the node.

Versions: SpikingJelly 2.0, snnTorch 1.0, Norse 1.1, snn-mlir 1.0, sinabs 3.1, rockpool 3.1. `docs/libraries.md` shows
what each does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from snnbench.errors import GraphError
from snnbench.exchange.foreign import below
from snnbench.exchange.graph import CONVOLUTIONS, INTEGRATORS, NEURONS, Graph, Node, Shape, shapes
from snnbench.exchange.neurons import neuron_node, time_constant
from snnbench.exchange.sidecar import Neuron, Sidecar

DialectName = Literal["spikingjelly", "snntorch", "norse", "snn-mlir", "sinabs", "rockpool"]

_NO_LEAK = 1e30
"""A time constant, in the unit of dt, in which nothing leaks in float32."""
_SEVERAL = "fires several spikes in one step"


@dataclass(frozen=True)
class Dialect:
    """What a reader makes of a graph.

    Attributes:
        neuron: the node that its reader makes into the given neuron, of a layer of the given shape.
        dt: the step that its reader assumes, or None if it is told.
        resets_to: whether it resets to other potentials than 0.
        flattens: whether its Flatten leaves the batch alone.
        convolves_rows: whether it reads a Conv1d.
        dilates: whether it reads a dilation.
        pools: nodes of pooling that it reads as they are.
        meeting: what it does with branches that meet at a node, if it does not add them.
        refusal: why it can hold no spiking layer of this project at all.
    """

    neuron: Callable[[Neuron, Shape, float], Node] = neuron_node
    dt: float | None = None
    resets_to: bool = False
    flattens: bool = False
    convolves_rows: bool = False
    dilates: bool = True
    pools: tuple[str, ...] = ()
    meeting: str | None = None
    refusal: str | None = None


def _full(shape: Shape, **fields: float) -> dict[str, np.ndarray[Any, Any]]:
    return {name: np.full(shape, value, np.float32) for name, value in fields.items()}


def _snntorch(neuron: Neuron, shape: Shape, dt: float) -> Node:
    """``mem = beta * mem + x`` with beta = 1 - dt / tau, if r = tau / dt. Its IF would leak: a LIF that does not."""
    tau = _NO_LEAK if neuron.kind == "IF" else time_constant(neuron) * dt
    height = time_constant(neuron) if neuron.decay_input else 1.0
    threshold = below(neuron.theta * height)
    return Node("LIF", _full(shape, tau=tau, r=tau / dt, v_leak=0.0, v_threshold=threshold))


def _norse(neuron: Neuron, shape: Shape, dt: float) -> Node:
    """Its input always decays, and r is ignored: with an undecayed input, the potential is held in units of tau."""
    if neuron.kind == "IF":
        return Node("IF", _full(shape, r=1.0, v_threshold=below(neuron.theta)))
    tau = time_constant(neuron)
    threshold = below(neuron.theta if neuron.decay_input else neuron.theta / tau)
    return Node("LIF", _full(shape, tau=tau * dt, r=1.0, v_leak=0.0, v_threshold=threshold))


DIALECTS: Mapping[DialectName, Dialect] = {
    "spikingjelly": Dialect(resets_to=True, flattens=True, convolves_rows=True, pools=("AvgPool2d",)),
    "snntorch": Dialect(_snntorch, dt=1e-4, pools=("AvgPool2d",)),
    "norse": Dialect(_norse, meeting="loses all but one"),  # nirtorch.load runs one branch after the other
    "snn-mlir": Dialect(  # It takes tau / r for the step, fires above the threshold and resets to 0, as snnTorch does.
        _snntorch,
        flattens=True,
        convolves_rows=True,
        dilates=False,
        pools=("AvgPool2d", "SumPool2d"),
        meeting="reads chains alone",
    ),
    "sinabs": Dialect(
        refusal=f"sinabs {_SEVERAL}, subtracts the threshold for each, and bounds the potential of an IF"
    ),
    "rockpool": Dialect(refusal=f"rockpool {_SEVERAL}, and cannot read the nodes of IF and LIF"),
}


def translate(graph: Graph, sidecar: Sidecar, name: DialectName) -> Graph:
    """The graph, whose batch norms are folded, as the reader of library `name` understands it.

    Raises:
        GraphError: if the library cannot hold a node; the message names it.
    """
    dialect = DIALECTS[name]
    if dialect.dt is not None and sidecar.dt != dialect.dt:
        raise GraphError(f"dt={sidecar.dt}: the reader of {name} assumes {dialect.dt}")
    for layer, neuron in sidecar.neurons.items():
        _check(layer, neuron, name, dialect)
    if meeting := [key for key in graph.nodes if dialect.meeting and len(graph.sources(key)) > 1]:
        raise GraphError(f"node '{meeting[0]}' adds what meets there, and the reader of {name} {dialect.meeting}")
    if silent := [key for key, node in graph.nodes.items() if node.type in INTEGRATORS]:
        raise GraphError(
            f"node '{silent[0]}' gives potentials, and no {graph.nodes[silent[0]].type} is written for {name}"
        )
    _check_distinct(graph)
    if not dialect.flattens:
        graph = without_flatten(graph)
    made = shapes(graph)
    nodes = {}
    for key, node in graph.nodes.items():
        if node.type in NEURONS:
            nodes[key] = dialect.neuron(sidecar.neurons[key], made[key], sidecar.dt)
        elif node.type in ("AvgPool2d", "SumPool2d") and node.type not in dialect.pools:
            nodes[key] = _pool_as_convolution(node, made[graph.sources(key)[0]])
        else:
            nodes[key] = node
        _check_node(key, nodes[key], name, dialect)
    return Graph(nodes, graph.edges)


def _check_distinct(graph: Graph) -> None:
    """Refuse names that nirtorch, which writes dots as underscores, would take for one."""
    seen: dict[str, str] = {}
    for key in graph.nodes:
        first = seen.setdefault(key.replace(".", "_"), key)
        if first != key:
            raise GraphError(f"nodes '{first}' and '{key}' have one name in nirtorch; rename a layer")


def _check(layer: str, neuron: Neuron, name: str, dialect: Dialect) -> None:
    if dialect.refusal:
        raise GraphError(f"node '{layer}': {dialect.refusal}")
    if neuron.membrane is not None:
        raise GraphError(f"node '{layer}' has a quantized membrane, and {name} reads none")
    if not neuron.is_plain:
        raise GraphError(f"node '{layer}' has a synaptic current, a gain or a late reset, not written for {name}")
    if neuron.reset == "soft":
        raise GraphError(f"node '{layer}' has a soft reset, and {name} reads a hard one")
    if neuron.v_reset and not dialect.resets_to:
        raise GraphError(f"node '{layer}' resets to {neuron.v_reset}, and {name} reads 0")
    if neuron.v_init:
        raise GraphError(f"node '{layer}' starts at {neuron.v_init} thresholds, and {name} starts at 0")
    if neuron.v_init is None and neuron.v_reset:
        raise GraphError(f"node '{layer}' starts at {neuron.v_reset}, and {name} starts at 0")


def _check_node(key: str, node: Node, name: str, dialect: Dialect) -> None:
    if node.type in ("Scale", "Threshold") or (node.type == "Conv1d" and not dialect.convolves_rows):
        raise GraphError(f"node '{key}' is a {node.type}, which {name} does not read")
    if node.type in CONVOLUTIONS and not dialect.dilates and (node.array("dilation") != 1).any():
        raise GraphError(f"node '{key}' has a dilation, which {name} does not read")
    if node.type in CONVOLUTIONS and int(node.array("groups")) != 1:
        raise GraphError(f"node '{key}' has {int(node.array('groups'))} groups: nir 1.0.8 refuses the file")
    if node.type == "Conv2d" and len(set(node.array("weight").shape[2:])) > 1:
        raise GraphError(f"node '{key}' has a kernel {node.array('weight').shape[2:]}: nir 1.0.8 takes it for a square")


def without_flatten(graph: Graph) -> Graph:
    """The same network with a convolution over the whole image where a Flatten and a linear layer were.

    Readers that take the batch into a Flatten merge images. Outputs become (classes, 1, 1).
    """
    before = shapes(graph)
    gone = {name for name, node in graph.nodes.items() if node.type == "Flatten"}
    images: dict[str, Shape] = {}
    nodes = {}
    for name in before:
        sources = [_before(graph, source, gone) for source in graph.sources(name)]
        arriving = images.get(sources[0], before[sources[0]]) if sources else ()
        if name not in gone:
            nodes[name], images[name] = _unflattened(name, graph.nodes[name], before[name], arriving)
    edges = [(_before(graph, source, gone), target) for source, target in graph.edges if target not in gone]
    return Graph(nodes, edges)


def _before(graph: Graph, name: str, gone: set[str]) -> str:
    while name in gone:
        (name,) = graph.sources(name)
    return name


def _unflattened(name: str, node: Node, shape: Shape, arriving: Shape) -> tuple[Node, Shape]:
    if len(arriving) != 3 or len(shape) != 1:
        return node, shape
    image = (*shape, 1, 1)
    if node.type in ("Linear", "Affine"):
        weight = node.array("weight")
        bias = node.array("bias") if node.type == "Affine" else np.zeros(len(weight), weight.dtype)
        return _convolution(weight.reshape(len(weight), *arriving), bias, arriving), image
    if node.type == "Output":
        return Node("Output", {"shape": np.array(arriving)}), arriving
    if node.type in NEURONS:
        fields = {field: np.asarray(value).reshape(arriving) for field, value in node.fields.items()}
        return Node(node.type, fields), arriving
    raise GraphError(f"node '{name}' ({node.type}) follows a Flatten, which the reader would apply to the batch")


def _convolution(weight: Any, bias: Any, arriving: Shape, stride: Any = (1, 1), padding: Any = (0, 0)) -> Node:
    geometry = {"stride": stride, "padding": padding, "dilation": (1, 1), "input_shape": arriving[1:], "groups": 1}
    return Node("Conv2d", {"weight": weight, "bias": bias, **{name: np.array(each) for name, each in geometry.items()}})


def _pool_as_convolution(node: Node, arriving: Shape) -> Node:
    """Pooling as a convolution, not of groups: nir 1.0.8 takes a group's channels for those of the input."""
    kernel, channels = node.pair("kernel_size"), arriving[0]
    each = 1 / (kernel[0] * kernel[1]) if node.type == "AvgPool2d" else 1
    weight = np.eye(channels, dtype=np.float32)[:, :, None, None] * np.full(kernel, each, np.float32)
    bias = np.zeros(channels, np.float32)
    return _convolution(weight, bias, arriving, node.pair("stride"), node.pair("padding"))
