"""Which modules a network runs one after another, and what flows between them."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import fx, nn

from snnbench.errors import GraphError
from snnbench.exchange.graph import order
from snnbench.exchange.network import GraphNetwork
from snnbench.nn.libraries import step_mode
from snnbench.nn.sew_resnet import ConvBNNeuron, DirectlyEncoded, SEWBlock

INPUT, OUTPUT = "input", "output"
LEAVES = (nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Flatten)
_SKIPPED = (nn.Identity, nn.Dropout, nn.Dropout2d)
_ADD = (operator.add, operator.iadd, torch.add)


class Wiring:
    """Modules by qualified name in running order, and edges between names; `INPUT` and `OUTPUT` are its ends.

    `features` is the first dimension behind those of samples and, where layers get all steps at once, of steps.
    """

    def __init__(self, features: int) -> None:
        self.modules: dict[str, nn.Module] = {}
        self.edges: list[tuple[str, str]] = []
        self.features = features

    def add(self, name: str, module: nn.Module, sources: Iterable[str]) -> list[str]:
        """Put a module after `sources`, whose outputs are added; gives the sources of what comes next.

        Raises:
            GraphError: if the module is there already, or takes one output twice.
        """
        if name in self.modules:
            raise GraphError(f"layer '{name}' runs twice in one step, which a graph of NIR cannot say")
        self.modules[name] = module
        self.connect(name, sources)
        return [name]

    def connect(self, name: str, sources: Iterable[str]) -> None:
        """Let the outputs of `sources` be added at `name`."""
        new = [(source, name) for source in sources]
        if len(set(new)) < len(new):
            raise GraphError(f"'{name}' takes the same output twice, which a graph of NIR cannot say")
        self.edges += new


def wire(model: nn.Module) -> Wiring:
    """The wiring of a SEW-ResNet or spiking VGG, of a chain of layers, or of any module that `torch.fx` can follow.

    Raises:
        GraphError: if the network does what a graph of NIR cannot say; the message names the layer.
    """
    wiring = Wiring(2 if any(step_mode(module) == "multi" for module in model.modules()) else 1)
    if isinstance(model, DirectlyEncoded):
        ends = _directly_encoded(wiring, model)
    elif isinstance(model, GraphNetwork):
        ends = _graph(wiring, model)
    else:
        ends = _module(wiring, "", model, [INPUT])
    wiring.connect(OUTPUT, ends)
    return wiring


def _graph(wiring: Wiring, model: GraphNetwork) -> list[str]:
    if model.drives:
        raise GraphError(f"node '{next(iter(model.drives))}' scales its input by r, as no neuron of snnbench does")
    names = {"Input": INPUT, "Output": OUTPUT}
    called = {name: names.get(node.type, name) for name, node in model.graph.nodes.items()}
    for name in order(model.graph):
        sources = [called[source] for source in model.graph.sources(name)]
        if called[name] == OUTPUT:
            return sources
        if called[name] != INPUT:
            wiring.add(name, model.get_submodule(name), sources)
    raise GraphError("the graph has no output")


def _directly_encoded(wiring: Wiring, model: DirectlyEncoded) -> list[str]:
    at = _layer(wiring, "stem", model.stem, [INPUT])
    for key, block in model.blocks.named_children():
        add = _block if isinstance(block, SEWBlock) else _layer
        at = add(wiring, f"blocks.{key}", block, at)
    at = wiring.add("pool", nn.AdaptiveAvgPool2d(1), at)
    return wiring.add("fc", model.fc, wiring.add("flatten", nn.Flatten(), at))


def _block(wiring: Wiring, name: str, block: Any, at: list[str]) -> list[str]:
    if block.connect != "ADD":
        raise GraphError(f"block '{name}' merges by {block.connect}; edges of NIR that meet are added, so use ADD")
    along = _layer(wiring, f"{name}.layer2", block.layer2, _layer(wiring, f"{name}.layer1", block.layer1, at))
    same = isinstance(block.shortcut, nn.Identity)
    return [*along, *(at if same else _layer(wiring, f"{name}.shortcut", block.shortcut, at))]


def _layer(wiring: Wiring, name: str, layer: Any, sources: list[str]) -> list[str]:
    if not isinstance(layer, ConvBNNeuron):
        raise GraphError(f"layer '{name}' is a {type(layer).__name__}: export the network itself, not its fast form")
    for part in ("conv", "bn", "neuron"):
        sources = wiring.add(f"{name}.{part}", getattr(layer, part), sources)
    return sources


def _module(wiring: Wiring, name: str, module: nn.Module, sources: list[str]) -> list[str]:
    if isinstance(module, _SKIPPED):
        return sources
    if isinstance(module, LEAVES) or step_mode(module):
        return wiring.add(name or type(module).__name__, module, sources)
    if isinstance(module, nn.Sequential):
        for key, child in module.named_children():
            sources = _module(wiring, _joined(name, key), child, sources)
        return sources
    return _traced(wiring, name, module, sources)


class _Children(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return True


def _traced(wiring: Wiring, name: str, module: nn.Module, sources: list[str]) -> list[str]:
    what = f"layer '{name}' ({type(module).__name__})" if name else type(module).__name__
    try:
        nodes = list(_Children().trace(module).nodes)
    except Exception as error:
        raise GraphError(f"{what} cannot be followed: {error}") from error
    values: dict[fx.Node, list[str]] = {}
    for node in nodes:
        arriving = [values[each] for each in node.all_input_nodes]
        if node.op == "placeholder":
            values[node] = sources
        elif node.op == "call_module" and len(arriving) == 1:
            child = str(node.target)
            values[node] = _module(wiring, _joined(name, child), module.get_submodule(child), *arriving)
        elif node.op == "call_function" and node.target in _ADD and all(arg in values for arg in node.args):
            values[node] = [source for arg in node.args for source in values[cast(fx.Node, arg)]]
        elif _flattens(node, wiring.features) and len(arriving) == 1:
            values[node] = wiring.add(_joined(name, node.name), nn.Flatten(), *arriving)
        elif node.op == "output" and len(arriving) == 1:
            return arriving[0]
        else:
            raise GraphError(f"{what} does '{node.format_node()}', which a graph of NIR cannot say")
    raise GraphError(f"{what} gives nothing")


def _flattens(node: fx.Node, features: int) -> bool:
    """Whether a node calls ``torch.flatten`` on each sample's features, and on nothing else."""
    called = (node.op, node.target) in (("call_function", torch.flatten), ("call_method", "flatten"))
    return called and [*node.args[1:], *node.kwargs.values()] == [features] and set(node.kwargs) <= {"start_dim"}


def _joined(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key
