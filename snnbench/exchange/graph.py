"""A graph of NIR (Neuromorphic Intermediate Representation, neuroir.org): nodes, edges, and the shapes along them.

Where several edges meet, what they carry is added.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snnbench.errors import GraphError

Field = NDArray[Any] | str
Shape = tuple[int, ...]

_POOL = ("kernel_size", "stride", "padding")
_CONVOLUTION = ("weight", "bias", "stride", "padding", "dilation", "groups")
REQUIRED: dict[str, tuple[str, ...]] = {
    "Input": ("shape",),
    "Output": ("shape",),
    "Linear": ("weight",),
    "Affine": ("weight", "bias"),
    "Scale": ("scale",),
    "Threshold": ("threshold",),
    "Conv1d": _CONVOLUTION,
    "Conv2d": _CONVOLUTION,
    "AvgPool2d": _POOL,
    "SumPool2d": _POOL,
    "Flatten": ("start_dim", "end_dim"),
    "IF": ("r", "v_threshold"),
    "LIF": ("tau", "r", "v_leak", "v_threshold"),
    "CubaLIF": ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold"),
    "I": ("r",),
    "LI": ("tau", "r", "v_leak"),
    "CubaLI": ("tau_syn", "tau_mem", "r", "v_leak"),
}
OPTIONAL: dict[str, tuple[str, ...]] = {
    "Conv1d": ("input_shape",),
    "Conv2d": ("input_shape",),
    "Flatten": ("input_type",),
    "IF": ("v_reset",),
    "LIF": ("v_reset",),
    "CubaLIF": ("v_reset", "w_in"),
    "CubaLI": ("w_in",),
}
NEURONS = ("IF", "LIF", "CubaLIF")
INTEGRATORS = ("I", "LI", "CubaLI")
"""Nodes that give potentials."""
_USUAL = {"v_reset": 0.0, "w_in": 1.0}
CONVOLUTIONS = ("Conv1d", "Conv2d")
WEIGHTS = ("Linear", "Affine", *CONVOLUTIONS)


@dataclass(frozen=True)
class Node:
    """One node: its NIR type, and its fields by NIR's names."""

    type: str
    fields: Mapping[str, Field]

    def array(self, name: str) -> NDArray[Any]:
        """A field of numbers; where they are not given, v_reset is 0 and w_in is 1."""
        if name in _USUAL and name not in self.fields:
            return np.full_like(self.array("r"), _USUAL[name])
        value = self.fields[name]
        assert not isinstance(value, str)
        return value

    def pair(self, name: str) -> tuple[int, int]:
        """A field of one or two whole numbers, as two."""
        values = self.array(name).reshape(-1)
        return int(values[0]), int(values[-1])

    def along(self, name: str) -> tuple[int, ...]:
        """A field of a convolution, as one whole number for each dimension of an image."""
        return self.pair(name)[: self.array("weight").ndim - 2]


@dataclass(frozen=True)
class Graph:
    """Nodes by name and edges (from, to); `metadata` holds texts by name."""

    nodes: dict[str, Node]
    edges: list[tuple[str, str]]
    metadata: dict[str, str] = field(default_factory=dict)

    def sources(self, name: str) -> list[str]:
        """The nodes whose outputs are added to be the input of node `name`."""
        return [source for source, target in self.edges if target == name]


def order(graph: Graph) -> list[str]:
    """The names of the nodes, each after those it takes its input from; branches run in the order of `graph.nodes`.

    Raises:
        GraphError: if an edge names no node or is there twice, the graph has a cycle, no input or no output, more than
            one of them, or a node that nothing reaches.
    """
    _check_edges(graph)
    try:
        names = _sorted(graph)
    except CycleError as error:
        cycle = " -> ".join(error.args[1])
        raise GraphError(f"nodes {cycle} form a cycle; recurrent networks cannot be run") from error
    for kind in ("Input", "Output"):
        found = [name for name in names if graph.nodes[name].type == kind]
        if len(found) != 1:
            raise GraphError(f"the graph has {len(found)} nodes of type {kind} {found or ''}; it needs one".strip())
    for name in names:
        if graph.nodes[name].type != "Input" and not graph.sources(name):
            raise GraphError(f"node '{name}' has no input: no edge ends there")
    return names


def _sorted(graph: Graph) -> list[str]:
    names = list(graph.nodes)
    places = {name: place for place, name in enumerate(names)}
    sorter = TopologicalSorter({name: graph.sources(name) for name in names})
    sorter.prepare()
    ready: list[int] = []
    found = []
    while sorter.is_active():
        for name in sorter.get_ready():
            heappush(ready, places[name])
        found.append(names[heappop(ready)])
        sorter.done(found[-1])
    return found


def _check_edges(graph: Graph) -> None:
    seen = set()
    for edge in graph.edges:
        for end in edge:
            if end not in graph.nodes:
                raise GraphError(f"edge {edge[0]} -> {edge[1]} names '{end}', which is no node")
        if edge in seen:
            raise GraphError(f"edge {edge[0]} -> {edge[1]} is there twice")
        if graph.nodes[edge[1]].type == "Input" or graph.nodes[edge[0]].type == "Output":
            raise GraphError(f"edge {edge[0]} -> {edge[1]} enters an Input or leaves an Output")
        seen.add(edge)


def shapes(graph: Graph) -> dict[str, Shape]:
    """The shape of each node's output, without time and batch.

    Raises:
        GraphError: as `order`, or if a node cannot take what reaches it; the message names the node.
    """
    found: dict[str, Shape] = {}
    for name in order(graph):
        node = graph.nodes[name]
        arriving = {found[source] for source in graph.sources(name)}
        if len(arriving) > 1:
            raise GraphError(f"node '{name}' adds inputs of different shapes: {', '.join(map(str, sorted(arriving)))}")
        found[name] = output_shape(name, node, arriving.pop() if arriving else ())
    return found


def output_shape(name: str, node: Node, arriving: Shape) -> Shape:
    if node.type == "Input":
        return _shape_of(name, node)
    try:
        shape = _SHAPES[node.type](node, arriving)
    except (IndexError, ValueError) as error:
        raise GraphError(f"node '{name}' ({node.type}) cannot take an input of shape {arriving}: {error}") from error
    if min(shape, default=0) < 1:
        raise GraphError(f"node '{name}' ({node.type}) makes an input of shape {arriving} into one of shape {shape}")
    return shape


def _shape_of(name: str, node: Node) -> Shape:
    shape = tuple(int(size) for size in node.array("shape").reshape(-1))
    if not shape or min(shape) < 1:
        raise GraphError(f"node '{name}' ({node.type}) has no usable shape: {shape}")
    return shape


def _linear(node: Node, arriving: Shape) -> Shape:
    weight = node.array("weight")
    if weight.ndim != 2 or arriving != weight.shape[1:]:
        raise ValueError(f"its weight is {weight.shape}")
    _check_bias(node)
    return weight.shape[:1]


def _check_bias(node: Node) -> None:
    outputs = node.array("weight").shape[:1]
    if "bias" in node.fields and node.array("bias").shape != outputs:
        raise ValueError(f"it has {outputs[0]} outputs, and its bias is {node.array('bias').shape}")


def _convolution(node: Node, arriving: Shape) -> Shape:
    weight, groups = node.array("weight"), int(node.array("groups").item())
    dimensions = 2 + CONVOLUTIONS.index(node.type)
    if weight.ndim != dimensions + 1 or len(arriving) != dimensions or arriving[0] != weight.shape[1] * groups:
        raise ValueError(f"its weight is {weight.shape}, with {groups} groups")
    _check_bias(node)
    said = node.fields["padding"]
    if isinstance(said, str) and said not in ("same", "valid"):
        raise ValueError(f"its padding is '{said}'")
    if isinstance(said, str) and said == "same":
        return (len(weight), *arriving[1:])
    padding = (0,) * (dimensions - 1) if isinstance(said, str) else node.along("padding")
    if min(dilation := node.along("dilation")) < 1:
        raise ValueError(f"its dilation is {dilation}")
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, weight.shape[2:], strict=True)]
    return len(weight), *_windows(arriving[1:], reach, node.along("stride"), padding)


def _pool(node: Node, arriving: Shape) -> Shape:
    if len(arriving) != 3:
        raise ValueError("it pools (channels, height, width)")
    return arriving[0], *_windows(arriving[1:], node.pair("kernel_size"), node.pair("stride"), node.pair("padding"))


def _windows(size: Shape, reach: Any, stride: Any, padding: Any) -> Shape:
    if min(stride) < 1 or min(padding) < 0 or min(reach) < 1:
        raise ValueError(f"kernel {tuple(reach)}, stride {tuple(stride)} and padding {tuple(padding)} make no sense")
    return tuple((n + 2 * p - r) // s + 1 for n, r, s, p in zip(size, reach, stride, padding, strict=True))


def _flatten(node: Node, arriving: Shape) -> Shape:
    start, end = flattened(node, len(arriving))
    return *arriving[:start], math.prod(arriving[start : end + 1]), *arriving[end + 1 :]


def flattened(node: Node, dimensions: int) -> tuple[int, int]:
    """First and last dimension that a Flatten joins, counted without time and batch.

    Raises:
        ValueError: if the input has no such dimensions.
    """
    start, end = (int(node.array(name)) % dimensions for name in ("start_dim", "end_dim"))
    if start > end or max(map(abs, (int(node.array("start_dim")), int(node.array("end_dim"))))) > dimensions:
        raise ValueError(f"start_dim is {int(node.array('start_dim'))}, end_dim {int(node.array('end_dim'))}")
    return start, end


_NUMBERS = {"Scale": "scale", "Threshold": "threshold"}


def _elementwise(node: Node, arriving: Shape) -> Shape:
    own = node.array(_NUMBERS.get(node.type, "v_threshold")).shape
    if own not in ((), (1,), arriving):
        raise ValueError(f"its numbers are of shape {own}")
    return arriving


def _integrated(node: Node, arriving: Shape) -> Shape:
    found = {field: node.array(field).shape for field in node.fields}
    if any(own not in ((), (1,), arriving) for own in found.values()):
        raise ValueError(f"its numbers are of shapes {found}")
    return arriving


def _output(node: Node, arriving: Shape) -> Shape:
    declared = tuple(int(size) for size in node.array("shape").reshape(-1))
    if declared != arriving:
        raise ValueError(f"it declares {declared}")
    return arriving


_SHAPES: dict[str, Callable[[Node, Shape], Shape]] = {
    "Output": _output,
    "Linear": _linear,
    "Affine": _linear,
    "Conv1d": _convolution,
    "Conv2d": _convolution,
    "AvgPool2d": _pool,
    "SumPool2d": _pool,
    "Flatten": _flatten,
    "Scale": _elementwise,
    "Threshold": _elementwise,
    "IF": _elementwise,
    "LIF": _elementwise,
    "CubaLIF": _elementwise,
    **dict.fromkeys(INTEGRATORS, _integrated),
}
