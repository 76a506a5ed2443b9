"""Neurons of other libraries with a synaptic current, or whose reset comes one step late."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from snnbench.nn.neurons import Site, SpikingNeuron, spike

NO_LEAK = 1e30
"""A time constant in steps that stands for none: the least that leaks nothing of any float32."""

Number = float | Tensor
"""One number for a layer, or one for each of its neurons, in float64."""


class CubaLIFNeuron(SpikingNeuron):
    """Current-based integrate-and-fire, rounded as snnTorch 1.0 (input not decayed) and Norse 1.1 (decayed) do.

    The current is ``i = i - i / tau_syn + gain * x``, or ``gain * x`` without `tau_syn`, and charges in the same step:
    ``h = v + (i - (v - v_leak)) / tau`` with `decay_input`, else ``h = v - (v - v_leak) / tau + i``.

    `threshold`, `tau`, `tau_syn`, `gain` and `subtracted` may be tensors (*features), of a number for each neuron.

    Args:
        tau: time constant of the potential in steps, > 1; None for no leak.
        tau_syn: time constant of the current in steps, at least 1; None for no current that stays.
        gain: factor of the input.
        decay_input: whether the current is divided by tau.
        reset_delay: a spike resets the charged potential of the next step, before that one fires.
        reset_again: a potential that a soft reset leaves above the threshold is reset in the next step before that one
            fires, and gets it back after, as with ``reset_delay=False`` in snnTorch.
        subtracted: what a soft reset takes off; None for the threshold, 0 for no reset.
        v_leak: the potential it leaks to; None for v_reset.
        v_min: the lowest potential that is kept for the next step; None for no bound.
        quantized_current: the state quantizer also quantizes the current, after it has charged.
        neuron: as of `SpikingNeuron`.

    Attributes:
        unit: what the state quantizer takes potentials in units of; None for the threshold.

    Raises:
        ValueError: if a time constant is too short, or the input of a neuron without leak is to decay.
    """

    def __init__(
        self,
        tau: Number | None = 2.0,
        tau_syn: Number | None = None,
        gain: Number = 1.0,
        decay_input: bool = False,
        reset_delay: bool = False,
        subtracted: Number | None = None,
        *,
        reset_again: bool = False,
        v_leak: float | None = None,
        v_min: float | None = None,
        quantized_current: bool = False,
        **neuron: Any,
    ) -> None:
        super().__init__(**neuron)
        if (tau is not None and _any(tau <= 1)) or (tau_syn is not None and _any(tau_syn < 1)):
            raise ValueError(f"tau={tau} must be above 1, and tau_syn={tau_syn} not below 1")
        if tau is None and decay_input:
            raise ValueError("decay_input needs a tau")
        self.tau, self.tau_syn, self.gain, self.decay_input = tau, tau_syn, gain, decay_input
        self.reset_delay, self.reset_again, self.subtracted = reset_delay, reset_again, subtracted
        self.v_leak, self.v_min, self.quantized_current = v_leak, v_min, quantized_current
        self.unit: float | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Spikes (T, N, *features) of the inputs `x` (T, N, *features)."""
        v, current, s = self._start(x[0]), torch.zeros_like(x[0]), torch.zeros_like(x[0])
        spikes = []
        for x_t in x:
            current = self._current(current, x_t)
            h = self.charge(v, current)
            late = spike(v - self.threshold, self.alpha) if self.reset_again else s
            h = self._store(self._after(h, self._resetting(late)) if self._is_late else h, "pre_spike")
            s = spike(h - self.threshold, self.alpha)
            now = s - late if self.reset_again else s
            v = self._store(
                self._bounded(h if self.reset_delay else self._after(h, self._resetting(now))), "post_reset"
            )
            if self.quantized_current:
                current = self._store(current, self.site)
            spikes.append(s)
        return torch.stack(spikes)

    @property
    def _is_late(self) -> bool:
        return self.reset_delay or self.reset_again

    def charge(self, v: Tensor, x: Tensor) -> Tensor:
        """The potential after a current of `x`."""
        if self.tau is None:
            return v + x
        rest = self.v_reset if self.v_leak is None else self.v_leak
        if self.decay_input:
            return v + _like(1 / self.tau, x) * ((rest - v) + x)
        kept = _like(1 - 1 / self.tau, x) * (v - rest if rest else v)
        return (kept + rest if rest else kept) + x

    def _current(self, current: Tensor, x: Tensor) -> Tensor:
        given = x if isinstance(self.gain, float) and self.gain == 1 else _like(self.gain, x) * x
        if self.tau_syn is None:
            return given
        if self.decay_input:
            return current - _like(1 / self.tau_syn, x) * current + given
        return _like(1 - 1 / self.tau_syn, x) * current + given

    def _after(self, h: Tensor, s: Tensor) -> Tensor:
        if self.reset == "hard" or self.subtracted is None:
            return super()._after(h, s)
        return h - s * _like(self.subtracted, h)

    def _bounded(self, v: Tensor) -> Tensor:
        return v if self.v_min is None else (v - self.v_min).relu() + self.v_min

    def _store(self, potential: Tensor, site: Site) -> Tensor:
        if self.unit is None or self.state_quantizer is None or self.site != site:
            return super()._store(potential, site)
        quantized: Tensor = self.state_quantizer(potential / self.unit) * self.unit
        return quantized

    def _resetting(self, s: Tensor) -> Tensor:
        return s.detach() if self.detach_reset else s

    def extra_repr(self) -> str:
        """The constants."""
        own = f"tau={self.tau}, tau_syn={self.tau_syn}, reset_delay={self.reset_delay}"
        alike = not isinstance(self.threshold, Tensor) or self.threshold.numel() == 1
        return f"{own}, {super().extra_repr()}" if alike else f"{own}, a threshold for each neuron"


def _any(found: bool | Tensor) -> bool:
    return bool(found.any()) if isinstance(found, Tensor) else found


def _like(value: Number, x: Tensor) -> Number:
    """What is computed in float64 from constants, rounded once to the type of `x`."""
    return value.to(x) if isinstance(value, Tensor) else value
