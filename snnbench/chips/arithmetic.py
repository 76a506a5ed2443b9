"""Integer arithmetic of chips on int64 tensors, as a `Semantics` declares it: overflow, decay, threshold, reset."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from snnbench.chips.document import ChipReset, Current, Decay, Membrane, Overflow, Rounding, Spike


def bounds(bits: int) -> tuple[int, int]:
    """The smallest and largest signed number of so many bits."""
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def fit(x: Tensor, bits: int, overflow: Overflow) -> Tensor:
    """`x` in so many bits: stopped at the bounds, or modulo ``2**bits``."""
    low, high = bounds(bits)
    return x.clamp(low, high) if overflow == "saturate" else (x - low) % (1 << bits) + low


def whole(x: Tensor, rounding: Rounding) -> Tensor:
    """Real numbers `x` as whole ones."""
    match rounding:
        case "floor":
            return x.floor().long()
        case "zero":
            return x.trunc().long()
        case "away":
            return (x.sign() * x.abs().ceil()).long()
        case "half-even":
            return x.round().long()


def divide(x: Tensor, bits: int, rounding: Rounding) -> Tensor:
    """``x / 2**bits``, rounded."""
    if bits == 0:
        return x
    down = x >> bits
    rest = x - (down << bits)
    match rounding:
        case "floor":
            return down
        case "zero":
            return down + ((x < 0) & (rest > 0))
        case "away":
            return down + ((x > 0) & (rest > 0))
        case "half-even":
            half = 1 << (bits - 1)
            return down + ((rest > half) | ((rest == half) & (down % 2 == 1)))


@dataclass(frozen=True)
class Leak:
    """What one neuron loses in a step: ``x * factor / 2**bits``; a factor of 0 is no leak."""

    factor: int = 0
    bits: int = 0

    @property
    def share(self) -> float:
        """Part of a state that is lost, 0 to 1, before rounding."""
        return self.factor / (1 << self.bits)


NO_LEAK = Leak()
NO_MEMORY = Leak(1, 0)
"""Everything is lost in a step."""


def lost(x: Tensor, leak: Leak, decay: Decay) -> Tensor:
    """What states `x` lose in a step."""
    if leak.factor == 0:
        return torch.zeros_like(x)
    amount = divide(x * leak.factor, leak.bits, decay.rounding)
    return torch.where(amount == 0, x.sign() * decay.least, amount)


def integrate(v: Tensor, current: Tensor, bias: Tensor | int, leak: Leak, membrane: Membrane) -> tuple[Tensor, Tensor]:
    """The potential after a step's current and bias, and where it overflowed (bool)."""

    def stored(x: Tensor) -> Tensor:
        return fit(x, membrane.bits, membrane.overflow)

    if membrane.order == "add-decay":
        whole = v + current + bias
        h = stored(whole)
        return h - lost(h, leak, membrane.decay), whole != h
    decayed = v - lost(v, leak, membrane.decay)
    whole = decayed + current + bias
    h = stored(whole)
    if membrane.adds == "change":
        change = stored(stored(decayed - v + current) + bias)
        h = stored(v + change)
    return h, whole != h


def fire(h: Tensor, threshold: Tensor | int, spike: Spike, reset: ChipReset, most: int) -> tuple[Tensor, Tensor]:
    """Numbers of spikes at potential `h` (0 to `most`), and the potential after the reset.

    Thresholds are at least 1.
    """
    reached = h if spike.test == ">=" else h - 1
    if reset == "zero":
        fired = (reached >= threshold).to(h.dtype)
        return fired, h * (1 - fired)
    fired = torch.div(reached, threshold, rounding_mode="floor").clamp(0, most)
    return fired, h - fired * threshold


def follow(i: Tensor, events: Tensor, leak: Leak, current: Current) -> Tensor:
    """A synaptic current with memory of its own, after a step's events."""
    if current.order == "decay-add":
        return fit(i - lost(i, leak, current.decay) + events, current.bits, current.overflow)
    whole = fit(i + events, current.bits, current.overflow)
    return whole - lost(whole, leak, current.decay)
