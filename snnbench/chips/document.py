"""The semantics of a chip: what its integers do that floats do not, read from TOML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from snnbench.protocols.document import Section, digest, read_document

_Bits = Annotated[int, Field(ge=1, le=32)]
Shift = Annotated[int, Field(ge=0, le=31)]
_Positive = Annotated[int, Field(ge=1)]

Overflow = Literal["saturate", "wrap"]
Rounding = Literal["floor", "zero", "away", "half-even"]
ChipReset = Literal["zero", "subtract"]


class Weights(Section):
    """Synaptic weights: signed mantissas, shifted left by ``shift`` plus an exponent that is chosen for it.

    Attributes:
        bits: of the mantissa, sign included.
        step: mantissas are multiples of it.
        shift: what every weight is shifted left by.
        exponents: the smallest and largest exponent.
        exponent_of: whether a layer or each of its channels has one.
    """

    bits: Annotated[int, Field(ge=2, le=16)]
    step: Annotated[int, Field(ge=1, le=2)] = 1
    shift: Shift = 0
    exponents: tuple[int, int] = (0, 0)
    exponent_of: Literal["layer", "channel"] = "layer"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.exponents[0] > self.exponents[1]:
            raise ValueError(f"exponents {list(self.exponents)} are not [smallest, largest]")
        return self

    @property
    def most(self) -> int:
        """The largest mantissa."""
        return ((1 << (self.bits - 1)) - 1) // self.step * self.step


class Input(Section):
    """How images enter: as fixed-point numbers that drive the first layer at every step.

    Attributes:
        enters: ``current`` (the first layer's sums are a bias current) or ``events`` (numbers of spikes, none below 0).
        bits: of the fixed-point number; sign included for a current.
        fraction: how many of them are behind the point.
    """

    enters: Literal["current", "events"] = "current"
    bits: Annotated[int, Field(ge=1, le=16)] = 8
    fraction: Annotated[int, Field(ge=0, le=15)] = 5

    @property
    def range(self) -> tuple[int, int]:
        """The smallest and largest number that enters."""
        if self.enters == "events":
            return 0, (1 << self.bits) - 1
        return -(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1


class Decay(Section):
    """What a state loses in a step: ``round(state * factor / 2**bits)``, or ``state >> shift``.

    Attributes:
        form: ``shift``, or ``factor`` out of ``2**bits``.
        bits: of the factor's denominator, or the largest shift.
        rounding: of what is lost; a shift rounds by ``floor``.
        least: what a state that is not 0 loses at least.
        off: whether a neuron may lose nothing.
    """

    form: Literal["shift", "factor"]
    bits: Annotated[int, Field(ge=1, le=16)]
    rounding: Rounding = "floor"
    least: Annotated[int, Field(ge=0, le=1)] = 0
    off: bool = True

    @model_validator(mode="after")
    def _shifts_round_down(self) -> Self:
        if self.form == "shift" and self.rounding != "floor":
            raise ValueError(f'a shift rounds by "floor", not by "{self.rounding}"; use form = "factor"')
        return self


class Membrane(Section):
    """The membrane potential.

    Attributes:
        bits: of the stored state, sign included.
        overflow: what happens beyond them.
        order: whether a step first decays the state and then adds the current, or the other way round.
        adds: ``state`` (the sum of decayed state and current overflows), or ``change`` (the change of the state
            overflows first, by itself, when the current is added and again when the bias is).
        decay: what it loses in a step.
    """

    bits: _Bits
    overflow: Overflow
    order: Literal["decay-add", "add-decay"] = "decay-add"
    adds: Literal["state", "change"] = "state"
    decay: Decay


class Accumulator(Section):
    """What the weights of a step's events are summed in; the sum overflows once, when all of them are added."""

    bits: _Bits
    overflow: Overflow


class Current(Section):
    """A synaptic current with memory of its own, between the weights and the membrane.

    Attributes:
        order: whether a step decays the current and then adds its events, or the other way round: then even the events
            of this step reach the membrane diminished.
    """

    bits: _Bits
    overflow: Overflow
    order: Literal["decay-add", "add-decay"] = "decay-add"
    decay: Decay


class Spike(Section):
    """Threshold and reset.

    Attributes:
        test: how the potential is compared with the threshold.
        resets: those that it has: to zero, or by subtraction of the threshold.
        most: spikes that a neuron fires in one step at most.
        most_at_output: the same for the last layer; None if it is no other.
        threshold_bits: of the threshold's mantissa, which is not negative.
        threshold_shift: what it is shifted left by.
        bias_bits: of the bias's mantissa, sign included; 0 if there is no bias.
        bias_exponent: the largest exponent of a bias.
        delay: steps that a spike takes to the next layer.
    """

    test: Literal[">=", ">"]
    resets: Annotated[tuple[ChipReset, ...], Field(min_length=1)]
    most: Annotated[int, Field(ge=1, le=255)] = 1
    most_at_output: Annotated[int, Field(ge=1, le=255)] | None = None
    threshold_bits: _Bits
    threshold_shift: Shift = 0
    bias_bits: Annotated[int, Field(ge=0, le=32)]
    bias_exponent: Shift = 0
    delay: Annotated[int, Field(ge=0, le=1)] = 0


class Rounded(Section):
    """How the real numbers of a folded layer become whole ones; halves go to the even one, or see `Rounding`."""

    weight: Rounding = "half-even"
    threshold: Rounding = "half-even"
    bias: Rounding = "half-even"


_NEAREST = Rounded()


class Fold(Section):
    """Where batch norm goes: its gain into thresholds and biases of every channel, or into the weights of a layer.

    Attributes:
        residual: whether ADD joins spikes before the weights, or currents behind them.
        rounded: how weights, thresholds and biases are rounded.
    """

    gain: Literal["threshold", "weight"]
    residual: Literal["graded", "summed"]
    rounded: Rounded = Field(default=_NEAREST, exclude_if=lambda value: value == _NEAREST)


class Limits(Section):
    """What there is room for; a network that needs more runs, and is told."""

    inputs: _Positive | None = None
    outputs: _Positive | None = None
    fan_in: _Positive | None = None
    neurons_in_layer: _Positive | None = None
    weights_in_layer: _Positive | None = None
    neurons: _Positive | None = None
    layers: _Positive | None = None
    convolutions: bool = True


class Semantics(Section):
    """A chip's document. One of ``arithmetic = "float"`` has no other sections: it is the network as it is scored.

    Without an accumulator, sums of weights are exact; without a current, they reach the membrane at once.
    """

    name: str
    version: _Positive
    title: str
    sources: Annotated[tuple[str, ...], Field(min_length=1)]
    arithmetic: Literal["float", "integer"]
    weights: Weights | None = None
    input: Input | None = None
    accumulator: Accumulator | None = None
    current: Current | None = None
    membrane: Membrane | None = None
    spike: Spike | None = None
    fold: Fold | None = None
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed = {name: getattr(self, name) for name in ("weights", "input", "membrane", "spike", "fold")}
        if self.arithmetic == "integer" and (missing := [name for name, part in needed.items() if part is None]):
            raise ValueError(f"integer arithmetic needs the sections {', '.join(missing)}")
        if self.arithmetic == "float" and (given := [name for name, part in needed.items() if part is not None]):
            raise ValueError(f"float arithmetic has no sections {', '.join(given)}")
        return self

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that can move a number: title and sources are not in it."""
        return digest(self.model_dump(mode="json", exclude={"title", "sources"}))


def read_semantics(path: Path) -> Semantics:
    """Read and validate a chip's document.

    Raises:
        ProtocolError: as `read_document`.
    """
    return read_document(path, "chip", Semantics)
