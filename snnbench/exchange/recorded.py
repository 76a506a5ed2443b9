"""The wiring of a network as it runs, of forwards that loop over their steps: which module takes what of which step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from snnbench.errors import GraphError
from snnbench.exchange.called import logic_of, pool_of
from snnbench.exchange.flows import FLOWS, Flow
from snnbench.exchange.readouts import gives_potentials, layer_mode, starts_elsewhere
from snnbench.exchange.wiring import LEAVES, OUTPUT, Wiring
from snnbench.nn.hooks import after, before
from snnbench.nn.walk import named_modules

_IN_PLACE = ("add_", "__iadd__")
_SPIKES = "a graph of NIR gives a neuron's spikes only"


@dataclass(frozen=True)
class _State:
    """What a neuron keeps after a step, and is given at the next."""

    layer: str
    step: int


@dataclass(frozen=True)
class _Unknown:
    """A tensor that no graph can say, and why."""

    why: str


_Held = Flow | _State | _Unknown | None


class Recorder(TorchFunctionMode):
    """Notes, while it is entered, what flows between the layers of `model`.

    Args:
        model: the network; it is run, not changed.
        samples: N of its batch.

    Attributes:
        wiring: the layers found so far, and the edges between them.
    """

    def __init__(self, model: nn.Module, samples: int) -> None:
        super().__init__()
        self._modules, self._samples = named_modules(model), samples
        self._kind = type(model).__name__
        self.wiring = Wiring(1)
        self._sources: dict[str, tuple[str, ...]] = {}
        self._calls: dict[str, int] = {}
        self._done: set[tuple[str, int | None]] = set()
        self._lengths: set[int] = set()
        self._known: dict[int, tuple[Tensor, int, Flow | _State | _Unknown]] = {}
        self._running: list[str] = []
        self._inside = 0
        self._functions: dict[Any, str] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Inside the block, calls of modules and functions are noted."""
        with ExitStack() as stack:
            for name, module in self._modules.items():
                stack.callback(before(module, self._begin(name, module)).remove)
                stack.callback(after(module, self._end(name, module)).remove)
            stack.enter_context(self)
            yield

    @property
    def is_one_step(self) -> bool:
        """Whether every spiking layer ran one step so far."""
        return not self._lengths and set(self._calls.values()) == {1}

    def finish(self, outputs: list[Tensor | None]) -> int:
        """Connect what each call of the network gave to the graph's output; T, the number of steps that it took.

        Raises:
            GraphError: if that is not the output of layers at every step.
        """
        terms = [term for output in outputs for term in self._found(output, f"{self._kind} gives").terms]
        lengths = {*self._calls.values(), *self._lengths}
        steps = max(lengths, default=1)
        if len(lengths) > 1:
            told = ", ".join(f"'{name}' {calls}" for name, calls in self._calls.items())
            raise GraphError(f"not every layer runs the same number of steps ({told}; {steps} at most)")
        names = dict.fromkeys(name for name, _ in terms)
        for name in names:
            own = [step for each, step in terms if each == name]
            if own not in ([None] * len(outputs), list(range(steps))):
                raise GraphError(f"{self._kind} gives layer '{name}' of {len(own)} of {steps} steps; a graph gives all")
        self.wiring.connect(OUTPUT, names)
        return steps

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, arguments = getattr(func, "__name__", str(func)), [*args, *(kwargs or {}).values()]
        held = {} if self._inside else {id(each): self._of(each) for each in _tensors(arguments)}
        if name in _IN_PLACE and any(held.values()):  # what was there before is gone after it
            target, arguments[0] = arguments[0], arguments[0].clone()
            held[id(arguments[0])] = held[id(target)]
        output = func(*args, **(kwargs or {}))
        if any(held.values()):
            self._note(name, arguments, held, output, pool_of(name, args, kwargs or {}))
        if name == "__setitem__" and any(held.values()):
            self.keep(args[0], _Unknown(f"{self._what()} writes steps into one tensor; use torch.stack"))
        return output

    def _note(
        self, name: str, arguments: list[Any], held: dict[int, _Held], output: Any, pool: nn.Module | None
    ) -> None:
        given = [held[id(each)] for each in _tensors(arguments)]
        if name == "__bool__":
            raise GraphError(f"{self._what()} decides by values what it runs, which a graph of NIR cannot say")
        for place, tensor in enumerate(_tensors(output)):
            self.keep(tensor, self._value(name, arguments, given, tensor, place, pool))

    def _value(
        self,
        name: str,
        arguments: list[Any],
        given: list[Any],
        tensor: Tensor,
        place: int,
        pool: nn.Module | None,
    ) -> Any:
        for each in given:
            if isinstance(each, _Unknown):
                return each
            if isinstance(each, _State):
                return _Unknown(f"{self._what()} does '{name}' to the potential of layer '{each.layer}'; {_SPIKES}")
        cannot = _Unknown(f"{self._what()} does '{name}', which a graph of NIR cannot say")
        first = next(each for each in given if isinstance(each, Flow))
        if pool is not None:
            return self._layer(self._named(name, arguments, first), pool, first, tensor)
        if name == "unbind":
            name, arguments = "select", [arguments[0], place]
        values = {id(each): value for each, value in zip(_tensors(arguments), given, strict=True)}
        if logic := logic_of(name, lambda each: values.get(id(each)), arguments, tensor):
            return self._layer(self._named(name, [], logic[1]), logic[0], logic[1], tensor)
        value = FLOWS[name](lambda each: values.get(id(each)), arguments, tensor) if name in FLOWS else None
        if value is None or value.dims(self._samples) != tuple(tensor.shape):
            return cannot
        if value.steps not in (None, 1):
            self._lengths.add(value.steps)
        return self._flattened(name, first, value, tensor, cannot)

    def _flattened(self, name: str, given: Flow, value: Flow, output: Tensor, cannot: _Unknown) -> Any:
        """Where a function makes the numbers of a sample into one row, a layer of that."""
        if value.shape == given.shape:
            return value
        if len(value.shape) != 1:
            return cannot
        return self._layer(self._named(name, [], given), nn.Flatten(), value, output)

    def _named(self, function: str, arguments: list[Any], value: Flow) -> str:
        """A name for what a function does to some outputs, the same at every step."""
        parent = self._running[-1] if self._running else ""
        key = (parent, function, value.names, str([each for each in arguments if not isinstance(each, Tensor)]))
        if key not in self._functions:
            base = f"{parent}.{function}" if parent else function
            taken = {*self._functions.values(), *self._modules}
            self._functions[key] = next(
                name for name in (base, *(f"{base}_{n}" for n in range(1, 10**6))) if name not in taken
            )
        return self._functions[key]

    def _begin(self, name: str, module: nn.Module) -> Callable[..., None]:
        def begin(inputs: Any, keywords: Any) -> None:
            if self._inside or _is_leaf(module):
                self._inside += 1
            else:
                self._running.append(name)

        return begin

    def _end(self, name: str, module: nn.Module) -> Callable[..., None]:
        def end(inputs: Any, keywords: Any, output: Any) -> None:
            if not self._inside:
                self._running.pop()
                return
            if self._inside == 1:  # in which functions are not noted, nor are those that are called here
                self._called(name, module, [inputs, keywords], output)
            self._inside -= 1

        return end

    def _called(self, name: str, module: nn.Module, inputs: list[Any], output: Any) -> None:
        tensors = _tensors(inputs)
        value = self._found(tensors[0] if tensors else None, f"layer '{name}' takes")
        mode = layer_mode(module)
        given, *rest = _tensors(output)
        if mode is None:
            self.keep(given, self._layer(name, module, value, given))
            return
        if (mode == "single") != (value.order == "N"):
            runs, gets = ("one step", "all") if mode == "single" else ("all steps", "one")
            raise GraphError(f"layer '{name}' runs {runs} a call, and gets {gets}")
        call = self._calls.get(name, 0) if mode == "single" else None
        for state in tensors[1:]:
            self._check_state(name, module, state, call or 0)
        if len(tensors) > 1 and not call and starts_elsewhere(module):
            raise GraphError(
                f"layer '{name}' is given a first state, and starts at its v_leak if it gets none: give none"
            )
        self._calls[name] = (value.steps or 1) if call is None else call + 1
        if gives_potentials(module) and mode == "multi" and not isinstance(output, tuple):
            self._give_potentials(name, module, value, output)
            return
        self.keep(given, self._layer(name, module, value, given, neuron=True, call=call))
        for state in rest:
            if state is not given:
                self.keep(state, _State(name, call or 0))

    def _give_potentials(self, name: str, module: nn.Module, value: Flow, output: Any) -> None:
        """What SpikingJelly's readouts give: a list of the potentials of each step, or their mean."""
        steps = _tensors(output)
        flow = self._layer(name, module, value, torch.stack(steps), neuron=True)
        for step, each in enumerate(steps):
            self.keep(each, flow.at(step) if isinstance(output, list) else replace(flow.at(None), over="mean"))

    def _check_state(self, name: str, module: nn.Module, state: Tensor, call: int) -> None:
        found = self._of(state)
        if gives_potentials(module) and isinstance(found, Flow) and found.terms == ((name, call - 1),):
            return  # its potential, which is what it gave
        if found != _State(name, call - 1) and (call or found is not None or state.any()):
            raise GraphError(
                f"layer '{name}' is given a state in step {call + 1} that is not its own of the step before, nor 0 in"
                " the first"
            )

    def _layer(
        self,
        name: str,
        module: nn.Module,
        value: Flow,
        output: Tensor,
        *,
        neuron: bool = False,
        call: int | None = None,
    ) -> Flow:
        """Put a layer after what it takes, or see that it takes the same as before; what it gives."""
        self._check_taken(name, value, neuron, call)
        if name not in self._sources:
            self._sources[name] = value.names
            self.wiring.add(name, module, value.names)
        step = call if call is not None else value.step
        again = (name, step) in self._done and (neuron or step is not None)
        if self._sources[name] != value.names or again:
            was, now = " + ".join(self._sources[name]), " + ".join(value.names)
            raise GraphError(
                f"layer '{name}' runs twice in one step (on '{was}', and on '{now}'), which a graph of NIR cannot say"
            )
        self._done.add((name, step))
        shape = tuple(output.shape[len(value.dims(1)) - len(value.shape) :])
        return Flow(((name, step),), shape, value.steps, value.order, value.split, value.over)

    def _check_taken(self, name: str, value: Flow, neuron: bool, call: int | None) -> None:
        if value.over == "sum" or (value.over and neuron):
            raise GraphError(f"layer '{name}' takes a multiple, or a sum over steps, which a graph of NIR cannot say")
        taken = {step for _, step in value.terms} - {None}
        if len(taken) > 1 or (call is not None and taken - {call}):
            told = " and ".join(str(step + 1) for step in sorted(each for each in taken if each is not None))
            at = f"in step {call + 1} " if call is not None else ""
            raise GraphError(f"layer '{name}' takes {at}what layers gave in step {told}; a graph of NIR has no delays")

    def _found(self, tensor: Tensor | None, what: str) -> Flow:
        """What a tensor holds.

        Raises:
            GraphError: if no graph can say it.
        """
        found = None if tensor is None else self._of(tensor)
        if isinstance(found, Flow):
            return found
        if isinstance(found, _Unknown):
            raise GraphError(found.why)
        if isinstance(found, _State):
            raise GraphError(f"{what} the potential of layer '{found.layer}'; {_SPIKES}")
        raise GraphError(f"{what} no tensor that comes from the network's input")

    def _of(self, tensor: Tensor) -> _Held:
        if id(tensor) not in self._known:
            return None
        _, version, value = self._known[id(tensor)]
        if tensor._version != version:
            return _Unknown(f"{self._what()} changes the output of a layer in place, which cannot be followed")
        return value

    def keep(self, tensor: Tensor, value: Flow | _State | _Unknown) -> None:
        """Say what a tensor holds: the network's input, or what a call gave."""
        self._known[id(tensor)] = (tensor, tensor._version, value)  # kept, so that the number is not given again

    def _what(self) -> str:
        name = self._running[-1] if self._running else ""
        return f"layer '{name}' ({type(self._modules[name]).__name__})" if name else self._kind


def _tensors(values: Any) -> list[Tensor]:
    return [each for each in tree_leaves(values) if isinstance(each, Tensor)]


def _is_leaf(module: nn.Module) -> bool:
    return isinstance(module, LEAVES) or layer_mode(module) is not None
