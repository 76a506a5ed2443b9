"""Batch norm before neuron, found in the code of any network: its forward is traced once, and never run from the trace.

What is found are pairs of modules: a batch norm whose output goes nowhere but into one neuron, reshaped at most. The
fast form then leaves the norm to the neuron; everything else of the network's forward stays the code that it is.
"""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
from torch import fx, nn

from snnbench.nn.neurons import SpikingNeuron
from snnbench.nn.sew_resnet import ConvBNNeuron, SEWBlock

_RESHAPES = {"flatten", "unflatten", "view", "reshape", "contiguous", torch.flatten, torch.reshape}
_ABOUT = {"shape", "ndim", "dtype", "device", "size", "dim"}
_BLOCKS = (SpikingNeuron, ConvBNNeuron, SEWBlock)
_PARTS = (*_BLOCKS, nn.BatchNorm2d, nn.Conv2d)
_MOST_DIMENSIONS = 4
_ADDITIONS = {operator.add, operator.iadd, torch.add, "add", "add_"}
_KEEP_RANGE = (nn.MaxPool2d, nn.Dropout, nn.Identity)
_BYTE = 255
_CONVOLVE = nn.Conv2d.forward


class PatternTrace:
    """What is known of the data flow of a network; nothing where its forward cannot be traced."""

    def __init__(self, model: nn.Module) -> None:
        self.modules: dict[str, nn.Module] = dict(model.named_modules())
        self.nodes: list[fx.Node] = list(_Tracer().trace(model).nodes)
        self.calls = Counter(node.target for node in self.nodes if node.op == "call_module")

    def norms(self) -> dict[str, str]:
        """Neuron -> the batch norm that feeds it alone, both by qualified name and called once a forward."""
        found = ((node, self._norm_before(node)) for node in self._called_once(SpikingNeuron))
        return {str(node.target): norm for node, norm in found if norm}

    def of_spikes(self) -> dict[str, str]:
        """Convolutions that, in evaluation, see spikes or sums of spikes alone, up to 255; as keys and as values."""
        nodes = (node for node in self._called_once(nn.Conv2d) if type(self._module(node)).forward is _CONVOLVE)
        return {str(node.target): str(node.target) for node in nodes if 0 < self._most(source(node)) <= _BYTE}

    def seen_as_rows(self) -> dict[str, str]:
        """Neurons whose spikes are viewed without their positions (``x.view(len(x), -1)``), as keys and as values.

        Such a view needs the plain layout of memory.
        """
        views = (node for node in self.nodes if node.op == "call_method" and node.target == "view" and _is_narrow(node))
        found = (self._neuron_before(view) for view in views)
        return {name: name for name in found if name}

    def _neuron_before(self, node: fx.Node) -> str | None:
        before = source(node)
        while before is not None and (is_reshape(before) or before.op == "call_module"):
            if before.op == "call_module" and isinstance(self._module(before), SpikingNeuron):
                return str(before.target)
            before = source(before)
        return None

    def _most(self, node: fx.Node | None) -> float:
        """The largest whole number that `node` gives; infinity if it may give others."""
        if node is None or node.op in ("placeholder", "get_attr", "output"):
            return math.inf
        if node.op == "call_module":
            module = self._module(node)
            if isinstance(module, SpikingNeuron):
                return 1
            return self._most(source(node)) if isinstance(module, _KEEP_RANGE) else math.inf
        if node.target in _ADDITIONS and not node.kwargs:
            return sum(self._most(arg) if isinstance(arg, fx.Node) else math.inf for arg in node.args)
        return self._most(source(node)) if is_reshape(node) else math.inf

    def _called_once(self, kind: type[nn.Module]) -> Iterator[fx.Node]:
        for node in self.nodes:
            if node.op == "call_module" and self.calls[node.target] == 1 and isinstance(self._module(node), kind):
                yield node

    def _module(self, node: fx.Node) -> nn.Module:
        return self.modules[str(node.target)]

    def _norm_before(self, neuron: fx.Node) -> str | None:
        node = source(neuron)
        while node is not None and is_reshape(node) and only_one_takes(node):
            node = source(node)
        if node is None or node.op != "call_module" or self.calls[node.target] != 1 or not only_one_takes(node):
            return None
        return str(node.target) if type(self._module(node)) is nn.BatchNorm2d else None


def trace(model: nn.Module) -> PatternTrace | None:
    """The trace of `model`; None if its forward depends on more than modules and shapes."""
    try:
        return PatternTrace(model)
    except Exception:  # noqa: BLE001 - the code of any network, run on what is no tensor, may fail in any way
        return None


def found_in(model: nn.Module, look: Callable[[PatternTrace], dict[str, str]]) -> dict[str, str]:
    """What `look` finds in the largest parts of `model` that can be traced, by name in `model`."""
    if isinstance(model, _BLOCKS) or not any(isinstance(part, SpikingNeuron) for part in model.modules()):
        return {}
    if traced := trace(model):
        return look(traced)
    return {
        f"{name}.{key}": f"{name}.{value}"
        for name, part in model.named_children()
        for key, value in found_in(part, look).items()
    }


def source(node: fx.Node) -> fx.Node | None:
    """The node whose data `node` takes first."""
    first = node.args[0] if node.args else None
    return first if isinstance(first, fx.Node) else None


def is_reshape(node: fx.Node) -> bool:
    """Whether `node` gives the elements of its input in their order."""
    return node.op in ("call_method", "call_function") and node.target in _RESHAPES


def _is_narrow(view: fx.Node) -> bool:
    """Whether the last of its sizes is open, or there are too few for channels and positions."""
    sizes = view.args[1:]
    if len(sizes) == 1 and isinstance(sizes[0], tuple | list):
        sizes = tuple(sizes[0])
    return len(sizes) < _MOST_DIMENSIONS or bool(sizes[-1] == -1)


def only_one_takes(node: fx.Node) -> bool:
    """Whether the data of `node` go to one place alone; its shape may go anywhere."""
    return sum(not _asks_about(user) for user in node.users) == 1


def _asks_about(node: fx.Node) -> bool:
    return (node.target is getattr and node.args[1] in _ABOUT) or (node.op == "call_method" and node.target in _ABOUT)


class _Tracer(fx.Tracer):
    """Shapes may be unpacked, into more numbers than there are: only where data flow is asked of a trace."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, _PARTS) or super().is_leaf_module(m, module_qualified_name)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)

    def iter(self, obj: fx.Proxy) -> Iterator[Any]:
        return iter([cast(Any, obj)[index] for index in range(len(obj))]) if _is_shape(obj.node) else super().iter(obj)


class _Proxy(fx.Proxy):
    def __getattr__(self, k: str) -> fx.proxy.Attribute:
        return _Shape(self, k) if k == "shape" else super().__getattr__(k)

    def __len__(self) -> int:
        if not _is_shape(self.node):
            raise TypeError("its length is not known")
        return _MOST_DIMENSIONS


class _Shape(fx.proxy.Attribute):
    def __len__(self) -> int:
        return _MOST_DIMENSIONS


def _is_shape(node: fx.Node) -> bool:
    if node.target is operator.getitem:
        return isinstance(node.args[1], slice) and _is_shape(cast(fx.Node, node.args[0]))
    return node.target == "size" or (node.target is getattr and node.args[1] == "shape")
