"""Neurons of other libraries with a synaptic current, or whose reset comes one step late."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from snnbench.nn.neurons import Site, SpikingNeuron, spike


class CubaLIFNeuron(SpikingNeuron):
    """Current-based integrate-and-fire, rounded as snnTorch 1.0 (input not decayed) and Norse 1.1 (decayed) do.

    The current is ``i = i - i / tau_syn + gain * x``, or ``gain * x`` without `tau_syn`, and charges in the same step:
    ``h = v + (i - (v - v_leak)) / tau`` with `decay_input`, else ``h = v - (v - v_leak) / tau + i``.

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
        quantized_current: the state quantizer also quantizes the current, after it has charged.
        neuron: as of `SpikingNeuron`.

    Attributes:
        unit: what the state quantizer takes potentials in units of; None for the threshold.

    Raises:
        ValueError: if a time constant is too short, or the input of a neuron without leak is to decay.
    """

    def __init__(
        self,
        tau: float | None = 2.0,
        tau_syn: float | None = None,
        gain: float = 1.0,
        decay_input: bool = False,
        reset_delay: bool = False,
        subtracted: float | None = None,
        *,
        reset_again: bool = False,
        v_leak: float | None = None,
        quantized_current: bool = False,
        **neuron: Any,
    ) -> None:
        super().__init__(**neuron)
        if (tau is not None and tau <= 1) or (tau_syn is not None and tau_syn < 1):
            raise ValueError(f"tau={tau} must be above 1, and tau_syn={tau_syn} not below 1")
        if tau is None and decay_input:
            raise ValueError("decay_input needs a tau")
        self.tau, self.tau_syn, self.gain, self.decay_input = tau, tau_syn, gain, decay_input
        self.reset_delay, self.reset_again, self.subtracted = reset_delay, reset_again, subtracted
        self.v_leak, self.quantized_current = v_leak, quantized_current
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
            v = self._store(h if self.reset_delay else self._after(h, self._resetting(now)), "post_reset")
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
            return v + (1 / self.tau) * ((rest - v) + x)
        kept = (1 - 1 / self.tau) * (v - rest if rest else v)
        return (kept + rest if rest else kept) + x

    def _current(self, current: Tensor, x: Tensor) -> Tensor:
        given = x if self.gain == 1 else self.gain * x
        if self.tau_syn is None:
            return given
        left = current - (1 / self.tau_syn) * current if self.decay_input else (1 - 1 / self.tau_syn) * current
        return left + given

    def _after(self, h: Tensor, s: Tensor) -> Tensor:
        if self.reset == "hard" or self.subtracted is None:
            return super()._after(h, s)
        return h - s * self.subtracted

    def _store(self, potential: Tensor, site: Site) -> Tensor:
        if self.unit is None or self.state_quantizer is None or self.site != site:
            return super()._store(potential, site)
        quantized: Tensor = self.state_quantizer(potential / self.unit) * self.unit
        return quantized

    def _resetting(self, s: Tensor) -> Tensor:
        return s.detach() if self.detach_reset else s

    def extra_repr(self) -> str:
        """The constants."""
        return f"tau={self.tau}, tau_syn={self.tau_syn}, reset_delay={self.reset_delay}, {super().extra_repr()}"
