"""Multi-step spiking neurons: currents ``(T, N, *features)`` in, binary spikes of the same shape out.

Charge, fire and reset follow Fang et al. 2021 (arXiv 2102.04159); the surrogate gradient is ATan. A neuron keeps no
state between calls: the membrane potential starts each at ``v_init`` thresholds, or at ``v_reset`` (0 for soft reset).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

Site = Literal["pre_spike", "post_reset"]
Reset = Literal["hard", "soft"]


class _ATanSpike(torch.autograd.Function):
    """Heaviside step (1 at equality) with the derivative of a scaled arctangent."""

    @staticmethod
    def forward(ctx: Any, over_threshold: Tensor, alpha: float) -> Tensor:
        ctx.save_for_backward(over_threshold)
        ctx.alpha = alpha
        return (over_threshold >= 0).to(over_threshold.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (over_threshold,) = ctx.saved_tensors
        scaled = over_threshold * (math.pi / 2 * ctx.alpha)
        return grads[0] * (ctx.alpha / 2) / (1 + scaled * scaled), None


def spike(over_threshold: Tensor, alpha: float = 2.0) -> Tensor:
    """Spikes of ``h - theta``: 1 where it is at least 0, with the ATan surrogate gradient of slope `alpha`."""
    return _ATanSpike.apply(over_threshold, alpha)  # type: ignore[no-any-return, no-untyped-call]


class SpikingNeuron(nn.Module, ABC):
    """What the three neurons share: fire, reset, and an optional quantizer of the membrane potential.

    Args:
        threshold: firing threshold theta; a neuron fires at ``h >= theta``. A scalar `nn.Parameter` is learned.
        reset: ``"hard"`` sets the potential to `v_reset` after a spike, ``"soft"`` subtracts theta.
        v_reset: potential after a hard reset; must be 0 with soft reset.
        v_init: potential before the first step, in units of theta; None for `v_reset`. With 1/2, soft reset and IF,
            the rate under a constant current is that of QCFS (Bu et al. 2022, arXiv 2303.04347).
        detach_reset: keep the spike in the reset out of the gradient.
        alpha: slope of the ATan surrogate gradient.

    Attributes:
        state_quantizer: maps potentials in units of theta to quantized ones, or None.
        site: where it acts: ``"pre_spike"`` on the charged potential before the threshold test, ``"post_reset"`` on
            the potential that is stored for the next step.
    """

    state_quantizer: nn.Module | None

    def __init__(
        self,
        threshold: float | nn.Parameter = 1.0,
        reset: Reset = "hard",
        v_reset: float = 0.0,
        v_init: float | None = None,
        detach_reset: bool = False,
        alpha: float = 2.0,
    ) -> None:
        super().__init__()
        if reset not in ("hard", "soft"):
            raise ValueError(f"reset={reset!r} is not 'hard' or 'soft'")
        if reset == "soft" and v_reset != 0.0:
            raise ValueError(f"v_reset={v_reset} has no meaning with reset='soft'; leave it at 0")
        self.threshold, self.reset, self.v_reset, self.v_init = threshold, reset, v_reset, v_init
        self.detach_reset, self.alpha = detach_reset, alpha
        self.register_module("state_quantizer", None)
        self.site: Site = "post_reset"

    @abstractmethod
    def charge(self, v: Tensor, x: Tensor) -> Tensor:
        """The potential h after input current `x`, from the stored potential `v`."""

    def forward(self, x: Tensor) -> Tensor:
        """Spikes (T, N, *features) of the currents `x` (T, N, *features)."""
        v = self._start(x[0])
        spikes = []
        for x_t in x:
            s, v = self._step(v, x_t)
            spikes.append(s)
        return torch.stack(spikes)

    def _start(self, x: Tensor) -> Tensor:
        if self.v_init is None:
            return torch.full_like(x, self.v_reset)
        if isinstance(self.threshold, Tensor):
            # The product is rounded once, as where the threshold is a number.
            return (self.v_init * self.threshold.double()).to(x.dtype).expand_as(x)
        return torch.full_like(x, self.v_init * self.threshold)

    def _step(self, v: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self._store(self.charge(v, x), "pre_spike")
        s = spike(h - self.threshold, self.alpha)
        return s, self._store(self._after(h, s.detach() if self.detach_reset else s), "post_reset")

    def _after(self, h: Tensor, s: Tensor) -> Tensor:
        if self.reset == "soft":
            return h - self.threshold * s
        kept = h * (1 - s)
        return kept + self.v_reset * s if self.v_reset else kept

    def _store(self, potential: Tensor, site: Site) -> Tensor:
        if self.state_quantizer is None or self.site != site:
            return potential
        return _in_float32(self.state_quantizer, potential / self.threshold) * self.threshold

    def extra_repr(self) -> str:
        """The constants, and the site where a state quantizer acts."""
        site = f", site={self.site}" if self.state_quantizer is not None else ""
        start = "" if self.v_init is None else f", v_init={self.v_init}"
        return f"threshold={float(self.threshold):g}, reset={self.reset}, v_reset={self.v_reset}{start}{site}"


class IFNeuron(SpikingNeuron):
    """Integrate-and-fire: ``h[t] = v[t-1] + x[t]``. See `SpikingNeuron` for the arguments."""

    def charge(self, v: Tensor, x: Tensor) -> Tensor:
        """The potential after input `x`."""
        return v + x


class LIFNeuron(SpikingNeuron):
    """Leaky integrate-and-fire with time constant `tau` (in steps, > 1).

    With `decay_input` ``h = v + (x - (v - v_reset)) / tau``, else ``h = v - (v - v_reset) / tau + x``.
    See `SpikingNeuron` for the other arguments.
    """

    def __init__(self, tau: float = 2.0, decay_input: bool = True, **neuron: Any) -> None:
        super().__init__(**neuron)
        if tau <= 1:
            raise ValueError(f"tau={tau} must be above 1")
        self.tau, self.decay_input = tau, decay_input

    def charge(self, v: Tensor, x: Tensor) -> Tensor:
        """The potential after input `x`."""
        above = v - self.v_reset if self.v_reset else v
        return v + (x - above) / self.tau if self.decay_input else v - above / self.tau + x


class PLIFNeuron(SpikingNeuron):
    """Leaky integrate-and-fire with a learned time constant: ``1 / tau = sigmoid(w)``, one w a layer.

    `tau` is the initial value; `decay_input` as in `LIFNeuron`. See `SpikingNeuron` for the other arguments.
    """

    def __init__(self, tau: float = 2.0, decay_input: bool = True, **neuron: Any) -> None:
        super().__init__(**neuron)
        if tau <= 1:
            raise ValueError(f"tau={tau} must be above 1")
        self.w = nn.Parameter(torch.tensor(-math.log(tau - 1)))
        self.decay_input = decay_input

    def charge(self, v: Tensor, x: Tensor) -> Tensor:
        """The potential after input `x`."""
        above = v - self.v_reset if self.v_reset else v
        leak = self.w.sigmoid().to(x.dtype)
        return v + (x - above) * leak if self.decay_input else v - above * leak + x


NEURONS: dict[str, type[SpikingNeuron]] = {"if": IFNeuron, "lif": LIFNeuron, "plif": PLIFNeuron}


def _in_float32(quantizer: nn.Module, x: Tensor) -> Tensor:
    """Under autocast a membrane's quantizer computes in float32, as a weight's does: a basis is no activation."""
    device = x.device.type
    if not (torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)):
        return cast(Tensor, quantizer(x))
    with torch.autocast(device, enabled=False):
        return cast(Tensor, quantizer(x.to(torch.promote_types(x.dtype, torch.float32)))).to(x.dtype)
