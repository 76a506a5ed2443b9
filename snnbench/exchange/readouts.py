"""Layers that integrate and never fire: what they give are potentials. LI, CubaLI and I of NIR, one Euler step each.

Such a node says all that its layer does, so a sidecar says nothing of it. A potential starts at v_leak (0 for I), as in
Norse 1.1 and SpikingJelly 2.0. The current of a CubaLI takes its step first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from snnbench.errors import GraphError
from snnbench.exchange.graph import Node, Shape
from snnbench.nn.libraries import StepMode, step_mode

_MODES: dict[str, StepMode] = {
    **dict.fromkeys(("norse.LICell", "norse.LIBoxCell"), "single"),
    **dict.fromkeys(("norse.LI", "spikingjelly.NonSpikingIFNode", "spikingjelly.NonSpikingLIFNode"), "multi"),
}
_DECODED = (None, "mean-mem")


class Integrator(nn.Module):
    """Integrates its input and gives the potential.

    With `tau` alone ``v = v + (r * x - (v - v_leak)) / tau``, rounded as SpikingJelly 2.0 does with r = 1; without,
    ``v = v + r * x``. With `tau_syn` ``i = i - i / tau_syn + gain * x`` first, and the same of i in place of x, rounded
    as Norse 1.1 does with r = 1.

    Args:
        r: factor of what charges the potential. This and the others: one number or one for each neuron, in float64.
        tau: time constant of the potential in steps, > 1; None for no leak.
        v_leak: the potential it starts at and leaks to; 0 without leak.
        tau_syn: time constant of the current in steps, at least 1; None for no current that stays. It needs a `tau`.
        gain: factor of the input of the current.

    Raises:
        ValueError: if a time constant is too short.
    """

    def __init__(
        self,
        r: Tensor,
        tau: Tensor | None = None,
        v_leak: Tensor | None = None,
        tau_syn: Tensor | None = None,
        gain: Tensor | None = None,
    ) -> None:
        super().__init__()
        if tau is not None and not bool((tau > 1).all()):
            raise ValueError(f"its time constant is {float(tau.min()):g} steps, which is not above 1")
        if tau_syn is not None and not bool((tau_syn >= 1).all()):
            raise ValueError(f"the time constant of its current is {float(tau_syn.min()):g} steps, which is below 1")
        self.r, self.tau, self.tau_syn = r, tau, tau_syn
        self.v_leak = torch.zeros_like(r) if v_leak is None else v_leak
        self.gain = torch.ones_like(r) if gain is None else gain

    def forward(self, x: Tensor) -> Tensor:
        """Potentials (T, N, *features) of the inputs `x` (T, N, *features)."""
        v, current = self.v_leak.to(x).expand_as(x[0]), torch.zeros_like(x[0])
        potentials = []
        for x_t in x:
            if self.tau_syn is not None:
                current = current - (1 / self.tau_syn).to(x) * current + self.gain.to(x) * x_t
            v = v + self._change(v, x_t if self.tau_syn is None else current)
            potentials.append(v)
        return torch.stack(potentials)

    def _change(self, v: Tensor, current: Tensor) -> Tensor:
        charge = self.r.to(v) * current
        if self.tau is None:
            return charge
        total = (self.v_leak.to(v) - v) + charge
        return total / self.tau.to(v) if self.tau_syn is None else (1 / self.tau).to(v) * total


def layer_mode(module: nn.Module) -> StepMode | None:
    """How a layer with a state steps, be it one that fires (`step_mode`) or one here; None for any other module."""
    return "multi" if isinstance(module, Integrator) else _MODES.get(_kind(module)) or step_mode(module)


def gives_potentials(module: nn.Module) -> bool:
    """Whether a layer integrates and never fires."""
    return isinstance(module, Integrator) or _kind(module) in _MODES


def starts_elsewhere(module: nn.Module) -> bool:
    """Whether a layer's own first potential, Norse's v_leak, is not 0."""
    return bool(torch.as_tensor(getattr(getattr(module, "p", None), "v_leak", 0.0)).any())


def own_integrator(name: str, module: Any) -> Integrator | None:
    """The integrator that gives the potentials of `module`, of this project or another; None if it gives none.

    Raises:
        GraphError: if no integrator here does; the message names the layer and why.
    """
    if isinstance(module, Integrator) or not gives_potentials(module):
        return module if isinstance(module, Integrator) else None
    try:
        return _spikingjelly(module) if _kind(module).startswith("spikingjelly.") else _norse(module)
    except ValueError as error:
        raise GraphError(f"layer '{name}', a {_kind(module)}: {error}") from error


def _kind(module: nn.Module) -> str:
    return f"{type(module).__module__.split('.')[0]}.{type(module).__name__}"


def _spikingjelly(module: Any) -> Integrator:
    if module.decode not in _DECODED:
        raise ValueError(f"decode='{module.decode}' is no mean over steps, which is the output of a graph: 'mean-mem'")
    one = torch.ones((), dtype=torch.float64)
    return Integrator(one, one * module.tau if hasattr(module, "tau") else None)


def _norse(module: Any) -> Integrator:
    tau = _time_constant(module, "tau_mem_inv")
    tau_syn = _time_constant(module, "tau_syn_inv") if hasattr(module.p, "tau_syn_inv") else None
    return Integrator(torch.ones_like(tau), tau, _in_float64(module.p.v_leak), tau_syn)


def _time_constant(module: Any, rate: str) -> Tensor:
    leak = _in_float64(module.dt * getattr(module.p, rate))
    if not bool((leak > 0).all()):
        raise ValueError(f"its {rate} is {float(leak.min()):g}, which is not above 0")
    return 1 / leak


def _in_float64(values: Any) -> Tensor:
    return torch.as_tensor(values).detach().double().cpu()


def integrator_node(name: str, module: Integrator, shape: Shape, dt: float) -> Node:
    """The node of an integrator, with one number a neuron.

    Raises:
        GraphError: if it has numbers for neurons of another shape.
    """

    def each(values: Tensor) -> Any:
        try:
            return np.broadcast_to(values.numpy(), shape).copy()
        except ValueError as error:
            raise GraphError(f"layer '{name}' has numbers for {tuple(values.shape)} neurons of {shape}") from error

    if module.tau is None:
        return Node("I", {"r": each(module.r / dt)})
    leak = {"r": each(module.r), "v_leak": each(module.v_leak)}
    if module.tau_syn is None:
        return Node("LI", {"tau": each(module.tau * dt), **leak})
    own = {"tau_mem": each(module.tau * dt), "tau_syn": each(module.tau_syn * dt)}
    return Node("CubaLI", {**own, **leak, "w_in": each(module.gain * module.tau_syn)})


def build_integrator(name: str, node: Node, dt: float) -> Integrator:
    """What one Euler step of length `dt` makes of a node of type LI, CubaLI or I.

    Raises:
        GraphError: if dt is too long for a time constant; the message names the node.
    """

    def each(field: str, unit: float = 1.0) -> Tensor:
        return torch.from_numpy(np.array(node.array(field), np.float64)) / unit

    try:
        if node.type == "I":
            return Integrator(each("r", 1 / dt))
        if node.type == "LI":
            return Integrator(each("r"), each("tau", dt), each("v_leak"))
        tau_syn = each("tau_syn", dt)
        return Integrator(each("r"), each("tau_mem", dt), each("v_leak"), tau_syn, each("w_in") / tau_syn)
    except ValueError as error:
        raise GraphError(f"node '{name}' ({node.type}): {error} of dt = {dt:g}") from error
