"""Spiking neurons as nodes of NIR, and back.

NIR's equations are continuous: ``tau dv/dt = (v_leak - v) + r x`` for a LIF, ``dv/dt = r x`` for an IF. One Euler step
of length dt is what the neurons of this project compute, with ``tau = dt * tau_steps`` and, for a LIF, r = 1 (decayed
input) or tau_steps, for an IF r = 1 / dt. SpikingJelly 2.0 reads and writes the same. Of a CubaLIF,
``tau_syn di/dt = w_in x - i``, the current takes its step first: it charges in the step in which it comes, as in
snnTorch, Norse, sinabs and rockpool, with ``w_in = gain * tau_syn_steps``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from snnbench.errors import GraphError
from snnbench.exchange.cuba import NO_LEAK, CubaLIFNeuron
from snnbench.exchange.graph import Node, Shape
from snnbench.exchange.membranes import build_quantizer, describe_membrane
from snnbench.exchange.sidecar import NUMBERS, Neuron
from snnbench.nn.neurons import IFNeuron, LIFNeuron, PLIFNeuron, SpikingNeuron

_CLOSE = 1e-6
_EACH = ("v_threshold", "tau", "tau_mem", "tau_syn", "r", "w_in")
_LATE = ("reset_delay", "reset_again", "subtracted", "v_leak", "v_min", "quantized_current")


@dataclass(frozen=True)
class Drive:
    """What a foreign node does to its input current before it is charged: ``gain * x + offset``."""

    gain: float = 1.0
    offset: float = 0.0

    def __call__(self, x: Tensor) -> Tensor:
        """The current that charges the neuron."""
        scaled = x if self.gain == 1 else x * self.gain
        return scaled + self.offset if self.offset else scaled


def describe_neuron(name: str, module: SpikingNeuron, shape: Shape) -> Neuron:
    """All that determines the spikes of `module`, the layer `name`, whose neurons are of that shape.

    Raises:
        GraphError: if its membrane quantizer is of a kind that a sidecar does not hold.
    """
    leak = {**_describe_leak(module), "threshold": module.threshold}
    return Neuron(
        kind=_kind(name, module),
        reset=module.reset,
        v_reset=module.v_reset,
        v_init=module.v_init,
        membrane=describe_membrane(name, module),
        detach_reset=module.detach_reset,
        alpha=module.alpha,
        **{field: _described(value, shape) for field, value in leak.items()},
    )


def _described(value: Any, shape: Shape) -> Any:
    """A number, or a list of one for each neuron."""
    if not isinstance(value, Tensor):
        return value
    numbers = value.detach().double().cpu()
    return float(numbers) if numbers.numel() == 1 else numbers.broadcast_to(shape).flatten().tolist()


def _kind(name: str, module: SpikingNeuron) -> Any:
    if isinstance(module, CubaLIFNeuron):
        return "IF" if module.tau is module.tau_syn is None else "LIF" if module.tau_syn is None else "CubaLIF"
    kinds: dict[type[SpikingNeuron], Any] = {IFNeuron: "IF", LIFNeuron: "LIF", PLIFNeuron: "PLIF"}
    kind = next((kinds[base] for base in type(module).__mro__ if base in kinds), None)
    if kind is None:
        raise GraphError(f"layer '{name}' is a {type(module).__name__}, which is neither IF, LIF, PLIF nor CubaLIF")
    return kind


def _describe_leak(module: SpikingNeuron) -> dict[str, Any]:
    if isinstance(module, CubaLIFNeuron):
        own = ("tau_syn", "gain", *_LATE)
        tau = NO_LEAK if module.tau is None and module.tau_syn is not None else module.tau
        decay_input = None if tau is None else module.decay_input
        return {"tau": tau, "decay_input": decay_input, **{field: getattr(module, field) for field in own}}
    if isinstance(module, PLIFNeuron):
        return {"w": float(module.w.detach()), "decay_input": module.decay_input}
    return {"tau": module.tau, "decay_input": module.decay_input} if isinstance(module, LIFNeuron) else {}


def build_neuron(name: str, neuron: Neuron, shape: Shape) -> SpikingNeuron:
    """The layer `name` that `neuron` describes, of neurons of that shape.

    Raises:
        GraphError: naming the layer, if there is none such: a time constant is too short, or a number is missing.
    """
    try:
        return _built(neuron, shape)
    except (ValueError, GraphError) as error:
        raise GraphError(f"node '{name}': {error}") from error


def _built(neuron: Neuron, shape: Shape) -> SpikingNeuron:
    kept = {"threshold", "reset", "v_reset", "v_init", "detach_reset", "alpha"}
    common: dict[str, Any] = neuron.model_dump(include=kept)
    built: SpikingNeuron
    if not neuron.is_plain:
        built = _build_cuba(neuron, common, shape)
    elif neuron.kind == "IF":
        built = IFNeuron(**common)
    elif neuron.kind == "LIF":
        built = LIFNeuron(tau=_given(neuron, "tau"), decay_input=_given(neuron, "decay_input"), **common)
    else:
        built = PLIFNeuron(decay_input=_given(neuron, "decay_input"), **common)
        nn.init.constant_(built.w, _given(neuron, "w"))
    if neuron.membrane is not None:
        built.state_quantizer, built.site = build_quantizer(neuron.membrane), neuron.membrane.site
        if isinstance(built, CubaLIFNeuron):
            built.unit = neuron.membrane.unit
    return built


def _build_cuba(neuron: Neuron, common: dict[str, Any], shape: Shape) -> CubaLIFNeuron:
    if neuron.kind == "PLIF":
        raise GraphError(f"a PLIF has no gain, unit, {', '.join(_LATE)}")
    tau = None if neuron.kind == "IF" else _given(neuron, "tau")
    tau = None if isinstance(tau, float) and tau >= NO_LEAK else tau
    own = {
        "tau": tau,
        "tau_syn": _given(neuron, "tau_syn") if neuron.kind == "CubaLIF" else None,
        "gain": neuron.gain,
        "decay_input": tau is not None and _given(neuron, "decay_input"),
        **neuron.model_dump(include=set(_LATE)),
        **common,
    }
    each = {field: torch.from_numpy(_each(own[field], shape)) for field in NUMBERS if isinstance(own[field], list)}
    threshold = {"threshold": each["threshold"].float()} if "threshold" in each else {}
    return CubaLIFNeuron(**{**own, **each, **threshold})


def _each(value: float | list[float], shape: Shape) -> NDArray[np.float64]:
    """One number for each neuron of a layer of that shape."""
    if isinstance(value, list) and len(value) != math.prod(shape):
        raise GraphError(f"it has {math.prod(shape)} neurons, and its sidecar {len(value)} numbers")
    return np.reshape(value, shape) if isinstance(value, list) else np.full(shape, value)


def _given(neuron: Neuron, field: str) -> Any:
    value = getattr(neuron, field)
    if value is None:
        raise GraphError(f"a {neuron.kind} needs '{field}'")
    return value


def neuron_node(neuron: Neuron, shape: Shape, dt: float) -> Node:
    """The node that NIR has for `neuron`, with one number a neuron; what it can't say is left to the sidecar."""

    gain = _each(neuron.gain, shape)
    ends = {"v_threshold": _each(neuron.threshold, shape), "v_reset": _each(neuron.v_reset, shape)}
    if neuron.kind == "IF":
        return Node("IF", {"r": gain / dt, **ends})
    tau = _each(time_constant(neuron) if neuron.kind == "PLIF" else _given(neuron, "tau"), shape)
    r = np.ones(shape) if neuron.decay_input else tau
    leak = {"v_leak": _each(neuron.v_reset if neuron.v_leak is None else neuron.v_leak, shape), **ends}
    if neuron.kind != "CubaLIF":
        return Node("LIF", {"tau": tau * dt, "r": r * gain, **leak})
    tau_syn = _each(_given(neuron, "tau_syn"), shape)
    return Node("CubaLIF", {"tau_syn": tau_syn * dt, "w_in": gain * tau_syn, "tau_mem": tau * dt, "r": r, **leak})


def time_constant(neuron: Neuron) -> float:
    """The time constant of a LIF, PLIF or CubaLIF, in steps."""
    if neuron.kind == "PLIF":
        return float(1 / torch.tensor(_given(neuron, "w"), dtype=torch.float64).sigmoid())
    return float(_given(neuron, "tau"))


def read_neuron(name: str, node: Node, dt: float) -> tuple[Neuron, Drive]:
    """The neuron of a node without a sidecar: hard reset, and what one Euler step of length `dt` makes of it.

    Raises:
        GraphError: if its neurons reset or leak to different potentials, or dt is too long for a time constant.
    """
    if any(np.unique(node.array(field)).size > 1 for field in _EACH if field in node.fields):
        return _read_each(name, node, dt), Drive()
    value = {field: _uniform(name, node, field) for field in ("v_threshold", "v_reset", "r")}
    if value["v_threshold"] <= 0:
        raise GraphError(f"node '{name}' ({node.type}) has a v_threshold of {value['v_threshold']:g}, not above 0")
    plain = Neuron(kind="IF", threshold=value["v_threshold"], reset="hard", v_reset=value["v_reset"])
    if node.type == "IF":
        return plain, Drive(_clean(value["r"] * dt))
    field = "tau" if node.type == "LIF" else "tau_mem"
    tau = _clean(_uniform(name, node, field) / dt)
    _check_longer(name, node, field, tau, dt)
    above = _uniform(name, node, "v_leak") - value["v_reset"]
    if node.type == "CubaLIF":
        leaks_to = {"v_leak": value["v_reset"] + above} if above else {}
        return _read_current(name, node, dt, plain.model_copy(update={"tau": tau, **leaks_to}), value["r"]), Drive()
    if math.isclose(value["r"], tau, rel_tol=_CLOSE) and not above:
        return plain.model_copy(update={"kind": "LIF", "tau": tau, "decay_input": False}), Drive()
    leaky = plain.model_copy(update={"kind": "LIF", "tau": tau, "decay_input": True})
    return leaky, Drive(_clean(value["r"]), above)


def _read_current(name: str, node: Node, dt: float, plain: Neuron, r: float) -> Neuron:
    tau_syn = _clean(_uniform(name, node, "tau_syn") / dt)
    _check_not_shorter(name, node, tau_syn, dt)
    undecayed = math.isclose(r, _given(plain, "tau"), rel_tol=_CLOSE)
    gain = _clean(_uniform(name, node, "w_in") / tau_syn * (1 if undecayed else r))
    told = {"kind": "CubaLIF", "tau_syn": tau_syn, "gain": gain, "decay_input": not undecayed}
    return plain.model_copy(update=told)


def _read_each(name: str, node: Node, dt: float) -> Neuron:
    """The neurons of a node that are not alike, each with numbers of its own."""
    shape = node.array("v_threshold").shape

    def each(field: str, unit: float = 1.0) -> NDArray[np.float64]:
        values = node.array(field)
        if values.size > 1 and values.shape != shape:
            raise GraphError(f"node '{name}' ({node.type}) has {shape} neurons, and its {field} is {values.shape}")
        quotient = np.broadcast_to(values.astype(np.float64), shape) / unit
        rounded = np.round(quotient, 6)
        return np.where(np.isclose(quotient, rounded, rtol=_CLOSE * 1e-3, atol=0), rounded, quotient)

    def told(values: NDArray[np.float64]) -> list[float]:
        return [float(value) for value in values.flatten()]

    v_reset, threshold = _uniform(name, node, "v_reset"), each("v_threshold")
    if threshold.min() <= 0:
        raise GraphError(f"node '{name}' ({node.type}) has a v_threshold of {threshold.min():g}, not above 0")
    own: dict[str, Any] = {"threshold": told(threshold), "reset": "hard", "v_reset": v_reset}
    if node.type == "IF":
        return Neuron(kind="IF", gain=told(each("r") * dt), **own)
    field = "tau" if node.type == "LIF" else "tau_mem"
    tau, r, v_leak = each(field, dt), each("r"), _uniform(name, node, "v_leak")
    _check_longer(name, node, field, float(tau.min()), dt)
    undecayed = np.allclose(r, tau, rtol=_CLOSE, atol=0)
    own |= {"tau": told(tau), "decay_input": not undecayed, "v_leak": None if v_leak == v_reset else v_leak}
    gain = np.ones(shape) if undecayed else r
    if node.type == "LIF":
        return Neuron(kind="LIF", gain=told(gain), **own)
    tau_syn = each("tau_syn", dt)
    _check_not_shorter(name, node, float(tau_syn.min()), dt)
    return Neuron(kind="CubaLIF", tau_syn=told(tau_syn), gain=told(gain * each("w_in") / tau_syn), **own)


def _check_longer(name: str, node: Node, field: str, tau: float, dt: float) -> None:
    if tau <= 1:
        raise GraphError(f"node '{name}' ({node.type}) has a {field} of {tau * dt:g}, which is not above dt = {dt:g}")


def _check_not_shorter(name: str, node: Node, tau_syn: float, dt: float) -> None:
    if tau_syn < 1:
        raise GraphError(f"node '{name}' ({node.type}) has a tau_syn of {tau_syn * dt:g}, which is below dt = {dt:g}")


def _uniform(name: str, node: Node, field: str) -> float:
    values = node.array(field)
    low, high = float(values.min()), float(values.max())
    if low != high:
        raise GraphError(f"node '{name}' ({node.type}): its {field} goes from {low:g} to {high:g}; one a layer is run")
    return low


def _clean(value: float) -> float:
    """`value` without the rounding of a product with dt: 2.0000000000000004 steps are 2."""
    return rounded if math.isclose(value, rounded := round(value, 6), rel_tol=_CLOSE * 1e-3) else value


def check_neuron(name: str, node: Node, neuron: Neuron, dt: float) -> None:
    """Refuse a sidecar that says other than its graph.

    Raises:
        GraphError: naming the node and the field.
    """
    shape = node.array("v_threshold").shape
    build_neuron(name, neuron, shape)
    expected = neuron_node(neuron, shape, dt)
    if expected.type != node.type:
        raise GraphError(f"node '{name}' is a {node.type}, and its sidecar says {neuron.kind}")
    for field in expected.fields:
        own, said = node.array(field), expected.array(field)
        if own.shape != said.shape or not np.allclose(own, said, rtol=_CLOSE, atol=0):
            raise GraphError(f"node '{name}' ({node.type}): its sidecar contradicts its {field}")
