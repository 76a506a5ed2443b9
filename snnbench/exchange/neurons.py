"""Spiking neurons as nodes of NIR, and back.

NIR's equations are continuous: ``tau dv/dt = (v_leak - v) + r x`` for a LIF, ``dv/dt = r x`` for an IF. One Euler step
of length dt is what the neurons of this project compute, with ``tau = dt * tau_steps`` and, for a LIF, r = 1 (decayed
input) or tau_steps, for an IF r = 1 / dt. SpikingJelly 2.0 reads and writes the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from snnbench.builtin.uniform import Uniform, uniform
from snnbench.errors import GraphError
from snnbench.exchange.graph import Node, Shape
from snnbench.exchange.sidecar import Neuron, SidecarMembrane
from snnbench.nn.neurons import IFNeuron, LIFNeuron, PLIFNeuron, SpikingNeuron

_CLOSE = 1e-6


@dataclass(frozen=True)
class Drive:
    """What a foreign node does to its input current before it is charged: ``gain * x + offset``."""

    gain: float = 1.0
    offset: float = 0.0

    def __call__(self, x: Tensor) -> Tensor:
        """The current that charges the neuron."""
        scaled = x if self.gain == 1 else x * self.gain
        return scaled + self.offset if self.offset else scaled


def describe_neuron(name: str, module: SpikingNeuron) -> Neuron:
    """All that determines the spikes of `module`, the layer `name`.

    Raises:
        GraphError: if its membrane quantizer is not a uniform one.
    """
    kinds: dict[type[SpikingNeuron], Any] = {IFNeuron: "IF", LIFNeuron: "LIF", PLIFNeuron: "PLIF"}
    kind = next((kinds[base] for base in type(module).__mro__ if base in kinds), None)
    if kind is None:
        raise GraphError(f"layer '{name}' is a {type(module).__name__}, which is neither IF, LIF nor PLIF")
    threshold = module.threshold
    return Neuron(
        kind=kind,
        threshold=float(threshold.detach()) if isinstance(threshold, Tensor) else threshold,
        reset=module.reset,
        v_reset=module.v_reset,
        v_init=module.v_init,
        tau=module.tau if isinstance(module, LIFNeuron) else None,
        w=float(module.w.detach()) if isinstance(module, PLIFNeuron) else None,
        decay_input=module.decay_input if isinstance(module, LIFNeuron | PLIFNeuron) else None,
        membrane=_describe_membrane(name, module),
        detach_reset=module.detach_reset,
        alpha=module.alpha,
    )


def _describe_membrane(name: str, module: SpikingNeuron) -> SidecarMembrane | None:
    quantizer = module.state_quantizer
    if quantizer is None:
        return None
    if not isinstance(quantizer, Uniform) or quantizer.bound is None or quantizer.bound.numel() != 1:
        raise GraphError(
            f"layer '{name}' has a membrane quantizer {type(quantizer).__name__}; a sidecar holds uniform ones with"
            " one range a layer"
        )
    return SidecarMembrane(
        bits=quantizer.bits,
        grid=quantizer.grid,
        range=quantizer.range,
        bound=float(quantizer.bound),
        site=module.site,
    )


def build_neuron(neuron: Neuron) -> SpikingNeuron:
    """The layer that `neuron` describes."""
    kept = {"threshold", "reset", "v_reset", "v_init", "detach_reset", "alpha"}
    common: dict[str, Any] = neuron.model_dump(include=kept)
    built: SpikingNeuron
    if neuron.kind == "IF":
        built = IFNeuron(**common)
    elif neuron.kind == "LIF":
        built = LIFNeuron(tau=_given(neuron, "tau"), decay_input=_given(neuron, "decay_input"), **common)
    else:
        built = PLIFNeuron(decay_input=_given(neuron, "decay_input"), **common)
        nn.init.constant_(built.w, _given(neuron, "w"))
    if neuron.membrane is not None:
        built.state_quantizer, built.site = _build_quantizer(neuron.membrane), neuron.membrane.site
    return built


def _given(neuron: Neuron, field: str) -> Any:
    value = getattr(neuron, field)
    if value is None:
        raise GraphError(f"a {neuron.kind} needs '{field}'")
    return value


def _build_quantizer(membrane: SidecarMembrane) -> nn.Module:
    quantizer = uniform(torch.full((1,), torch.nan), bits=membrane.bits, grid=membrane.grid, range=membrane.range)
    assert isinstance(quantizer, Uniform)
    quantizer.bound = torch.tensor(membrane.bound)
    return quantizer


def neuron_node(neuron: Neuron, shape: Shape, dt: float) -> Node:
    """The node that NIR has for `neuron`, with one number a neuron; what it can't say is left to the sidecar."""

    def full(value: float) -> np.ndarray[Any, Any]:
        return np.full(shape, value)

    ends = {"v_threshold": full(neuron.threshold), "v_reset": full(neuron.v_reset)}
    if neuron.kind == "IF":
        return Node("IF", {"r": full(1 / dt), **ends})
    tau = time_constant(neuron)
    r = 1.0 if neuron.decay_input else tau
    return Node("LIF", {"tau": full(tau * dt), "r": full(r), "v_leak": full(neuron.v_reset), **ends})


def time_constant(neuron: Neuron) -> float:
    """The time constant of a LIF or PLIF, in steps."""
    if neuron.kind == "LIF":
        return float(_given(neuron, "tau"))
    return float(1 / torch.tensor(_given(neuron, "w"), dtype=torch.float64).sigmoid())


def read_neuron(name: str, node: Node, dt: float) -> tuple[Neuron, Drive]:
    """The neuron of a node without a sidecar: hard reset, and what one Euler step of length `dt` makes of it.

    Raises:
        GraphError: if its neurons differ, or dt is too long for its time constant.
    """
    value = {field: _uniform(name, node, field) for field in ("v_threshold", "v_reset", "r")}
    if value["v_threshold"] <= 0:
        raise GraphError(f"node '{name}' ({node.type}) has a v_threshold of {value['v_threshold']:g}, not above 0")
    plain = Neuron(kind="IF", threshold=value["v_threshold"], reset="hard", v_reset=value["v_reset"])
    if node.type == "IF":
        return plain, Drive(_clean(value["r"] * dt))
    tau = _clean(_uniform(name, node, "tau") / dt)
    if tau <= 1:
        raise GraphError(f"node '{name}' ({node.type}) has a tau of {tau * dt:g}, which is not above dt = {dt:g}")
    above = _uniform(name, node, "v_leak") - value["v_reset"]
    if math.isclose(value["r"], tau, rel_tol=_CLOSE) and not above:
        return plain.model_copy(update={"kind": "LIF", "tau": tau, "decay_input": False}), Drive()
    leaky = plain.model_copy(update={"kind": "LIF", "tau": tau, "decay_input": True})
    return leaky, Drive(_clean(value["r"]), above)


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
    expected = neuron_node(neuron, node.array("v_threshold").shape, dt)
    if expected.type != node.type:
        raise GraphError(f"node '{name}' is a {node.type}, and its sidecar says {neuron.kind}")
    for field in expected.fields:
        own, said = node.array(field), expected.array(field)
        if own.shape != said.shape or not np.allclose(own, said, rtol=_CLOSE, atol=0):
            raise GraphError(f"node '{name}' ({node.type}): its sidecar contradicts its {field}")
