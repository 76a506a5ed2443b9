"""Which modules a network runs one after another, and what flows between them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import torch
from torch import fx, nn

from snnbench.errors import GraphError
from snnbench.exchange.graph import order
from snnbench.exchange.network import GraphNetwork, Pool, Scale, Threshold
from snnbench.exchange.readouts import layer_mode
from snnbench.nn.libraries import step_mode
from snnbench.nn.sew_resnet import ConvBNNeuron, DirectlyEncoded, SEWBlock

INPUT, OUTPUT = "input", "output"
LEAVES = (
    *(nn.Conv1d, nn.Conv2d, nn.Linear, nn.BatchNorm1d, nn.BatchNorm2d),
    *(nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.MaxPool2d, nn.Flatten),
)
_SKIPPED = (nn.Identity, nn.Dropout, nn.Dropout2d)
_ADD = (operator.add, operator.iadd, torch.add)
_MINUS = (operator.sub, torch.sub)
_MULTIPLY = (operator.mul, operator.imul, torch.mul)


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

        Maxima, products and differences of spikes become sums, and whether they are above a threshold.

        Raises:
            GraphError: if the module is there already, takes one output twice, or is such of other than spikes.
        """
        if name in self.modules:
            raise GraphError(f"layer '{name}' runs twice in one step, which a graph of NIR cannot say")
        sources = list(sources)
        for kind, say in _SAID.items():
            if isinstance(module, kind):
                sources, module = say(self, name, module, sources)
        self.modules[name] = module
        self.connect(name, sources)
        return [name]

    def check_spikes(self, what: str, sources: list[str]) -> None:
        """Refuse what is no single layer's spikes."""
        if len(sources) != 1 or not self._spikes(sources[0]):
            raise GraphError(f"{what} of '{' + '.join(sources)}', which NIR can say of one layer's spikes only")

    def _spikes(self, name: str) -> bool:
        module = self.modules.get(name)
        if isinstance(module, nn.Flatten):
            sources = [source for source, target in self.edges if target == name]
            return len(sources) == 1 and self._spikes(sources[0])
        return module is not None and (isinstance(module, Threshold) or step_mode(module) is not None)

    def connect(self, name: str, sources: Iterable[str]) -> None:
        """Let the outputs of `sources` be added at `name`."""
        new = [(source, name) for source in sources]
        if len(set(new)) < len(new):
            raise GraphError(f"'{name}' takes the same output twice, which a graph of NIR cannot say")
        self.edges += new


class SpikeProduct(nn.Module):
    """Stands for the product of two layers' spikes."""


class SpikeComplement(nn.Module):
    """Stands for 1 minus a layer's spikes."""


_Said = tuple[list[str], Threshold]


def _maxima(wiring: Wiring, name: str, module: Any, sources: list[str]) -> _Said:
    """Whether the sum over a window is above 0."""
    wiring.check_spikes(f"layer '{name}' pools maxima", sources)
    if module.ceil_mode or module.return_indices or pair(module.dilation) != (1, 1):
        raise GraphError(f"layer '{name}' pools in a way that NIR cannot say: {module}")
    windows = Pool(pair(module.kernel_size), pair(module.stride), pair(module.padding), mean=False)
    return wiring.add(f"{name}.sum", windows, sources), Threshold(torch.tensor(0.0))


def _product(wiring: Wiring, name: str, module: Any, sources: list[str]) -> _Said:
    """Whether the sum of both is above 1.5."""
    for source in sources:
        wiring.check_spikes(f"'{name}' is a product", [source])
    return sources, Threshold(torch.tensor(1.5))


def _difference(wiring: Wiring, name: str, module: Any, sources: list[str]) -> _Said:
    """Whether -1 times the spikes is above -0.5."""
    wiring.check_spikes(f"'{name}' is a difference", sources)
    return wiring.add(f"{name}.negative", Scale(torch.tensor(-1.0)), sources), Threshold(torch.tensor(-0.5))


_SAID: dict[type[nn.Module], Callable[[Wiring, str, Any, list[str]], _Said]] = {
    nn.MaxPool2d: _maxima,
    SpikeProduct: _product,
    SpikeComplement: _difference,
}


def pair(value: Any) -> tuple[int, int]:
    """One or two numbers, as two."""
    return value if isinstance(value, tuple) else (value, value)


def wire(model: nn.Module) -> Wiring:
    """The wiring of a SEW-ResNet or spiking VGG, of a chain of layers, or of any module that `torch.fx` can follow.

    Raises:
        GraphError: if the network does what a graph of NIR cannot say; the message names the layer.
    """
    wiring = Wiring(2 if any(layer_mode(module) == "multi" for module in model.modules()) else 1)
    if isinstance(model, DirectlyEncoded):
        ends = _directly_encoded(wiring, model)
    elif isinstance(model, GraphNetwork):
        ends = _graph(wiring, model)
    else:
        ends = _module(wiring, "", model, [INPUT])
    wiring.connect(OUTPUT, ends)
    return wiring


def is_chain(module: nn.Module) -> bool:
    """Whether a module is one layer, or several that run one after another."""
    if isinstance(module, (*LEAVES, *_SKIPPED)) or layer_mode(module) is not None:
        return True
    return isinstance(module, nn.Sequential) and all(is_chain(child) for child in module.children())


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
    along = _layer(wiring, f"{name}.layer2", block.layer2, _layer(wiring, f"{name}.layer1", block.layer1, at))
    same = isinstance(block.shortcut, nn.Identity)
    beside = at if same else _layer(wiring, f"{name}.shortcut", block.shortcut, at)
    if block.connect == "ADD":
        return [*along, *beside]
    if block.connect == "IAND":
        along = wiring.add(f"{name}.silent", SpikeComplement(), along)
    return wiring.add(f"{name}.both", SpikeProduct(), [*along, *beside])


def _layer(wiring: Wiring, name: str, layer: Any, sources: list[str]) -> list[str]:
    if not isinstance(layer, ConvBNNeuron):
        raise GraphError(f"layer '{name}' is a {type(layer).__name__}: export the network itself, not its fast form")
    for part in ("conv", "bn", "neuron"):
        sources = wiring.add(f"{name}.{part}", getattr(layer, part), sources)
    return sources


def _module(wiring: Wiring, name: str, module: nn.Module, sources: list[str]) -> list[str]:
    if isinstance(module, _SKIPPED):
        return sources
    if isinstance(module, LEAVES) or layer_mode(module):
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
        elif node.op == "call_function" and node.target in _ADD and _adds(node, values):
            values[node] = [source for arg in node.args for source in values[cast(fx.Node, arg)]]
        elif node.op == "call_function" and node.target in _MULTIPLY and len(arriving) == 2:
            values[node] = wiring.add(_joined(name, node.name), SpikeProduct(), [*arriving[0], *arriving[1]])
        elif node.op == "call_function" and node.target in _MINUS and len(arriving) == 1 and _from_one(node):
            values[node] = wiring.add(_joined(name, node.name), SpikeComplement(), *arriving)
        elif _flattens(node, wiring.features) and len(arriving) == 1:
            values[node] = wiring.add(_joined(name, node.name), nn.Flatten(), *arriving)
        elif node.op == "output" and len(arriving) == 1:
            return arriving[0]
        else:
            raise _unknown(what, module, node, wiring.features)
    raise GraphError(f"{what} gives nothing")


def _adds(node: fx.Node, values: Mapping[fx.Node, list[str]]) -> bool:
    """Whether a node adds known values as they are, and none by ``torch.add(..., alpha=2)``."""
    return not node.kwargs and all(arg in values for arg in node.args)


def _from_one(node: fx.Node) -> bool:
    """Whether a node takes something from 1."""
    return len(node.args) == 2 and bool(node.args[0] == 1) and not node.kwargs


def _unknown(what: str, module: nn.Module, node: fx.Node, features: int) -> GraphError:
    known = f"{', '.join(kind.__name__ for kind in LEAVES)} or spiking neurons"
    if type(module).__module__.startswith("torch.nn."):
        return GraphError(f"{what} is no layer that can be exported or put on a chip: use {known} in its place")
    does = getattr(node.target, "__name__", node.target)
    return GraphError(
        f"{what} computes '{does}' itself, and may only add and multiply spikes between its layers, and flatten from"
        f" dimension {features} on; use {known} for the rest"
    )


def _flattens(node: fx.Node, features: int) -> bool:
    """Whether a node calls ``torch.flatten`` on each sample's features, and on nothing else."""
    called = (node.op, node.target) in (("call_function", torch.flatten), ("call_method", "flatten"))
    return called and [*node.args[1:], *node.kwargs.values()] == [features] and set(node.kwargs) <= {"start_dim"}


def _joined(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key
