"""From real weights, batch norms and thresholds to the whole numbers of a chip, and what the chip cannot hold."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from snnbench.chips.arithmetic import NO_LEAK, Leak, whole
from snnbench.chips.document import ChipReset, Decay, Rounded, Semantics
from snnbench.chips.neuron import Neurons
from snnbench.chips.trace import Readout, TracedLayer
from snnbench.errors import GraphError, OptionError
from snnbench.exchange.wiring import INPUT
from snnbench.quant.integer import whole_numbers

HEADROOM = 8
"""Thresholds are put so low that a state can reach so many of them before it overflows."""


_RESETS = {"zero": "to 0", "subtract": "by subtraction"}


@dataclass(frozen=True)
class Excess:
    """Something that a chip cannot hold as it is: where, what, what the network needs, and what the chip has."""

    layer: str
    what: str
    needs: str
    has: str

    def __str__(self) -> str:
        return f"{self.layer}: {self.what} {self.needs}, the chip has {self.has}"


@dataclass(frozen=True)
class Synapses:
    """Whole numbers int64 ``codes`` (out, in, kh, kw) or (out, in), whose sums are shifted left by ``shift``."""

    codes: Tensor
    shift: Tensor
    stride: tuple[int, int]
    padding: tuple[int, int]


@dataclass(frozen=True)
class IntegerLayer:
    """A spiking layer in whole numbers; constants of neurons are (out,) or (out, 1, 1)."""

    name: str
    sources: tuple[str, ...]
    synapses: Synapses
    neurons: Neurons


@dataclass(frozen=True)
class IntegerReadout:
    """Logits are ``codes @ counts + bias * (steps * positions)``, in units of ``scale``; without codes, the counts."""

    sources: tuple[str, ...]
    codes: Tensor | None
    bias: Tensor
    scale: float


def fold(layer: TracedLayer, chip: Semantics, *, last: bool = False) -> tuple[IntegerLayer, list[Excess]]:
    """A layer on a chip of integer arithmetic; the `last` one may fire less often in a step.

    Raises:
        GraphError: if its weights are too large or too small beside its threshold for the chip's exponents.
    """
    assert chip.weights is not None
    assert chip.input is not None
    assert chip.membrane is not None
    assert chip.spike is not None
    assert chip.fold is not None
    if layer.sources == (INPUT,):
        layer = replace(layer, gain=layer.gain * 2.0**-chip.input.fraction)
    found: list[Excess] = []
    into = _into_thresholds if chip.fold.gain == "threshold" else _into_weights
    codes, unit, exponent = into(layer, chip, found)
    wide = (-1,) + (1,) * (layer.weight.ndim - 2)
    per_unit = (1 << exponent).double() / unit
    _check_range(layer, codes, per_unit, chip)
    threshold = _threshold(layer, per_unit, chip, found)
    neurons = Neurons(
        threshold=threshold.view(wide),
        reset=_reset(layer, chip, found),
        most=(chip.spike.most_at_output or chip.spike.most) if last else chip.spike.most,
        bias=_bias(layer, per_unit, chip, found).view(wide),
        start=(layer.start * per_unit).round().long().view(wide),
        leak=_leak(layer, chip.membrane.decay, found),
        current_leak=_current_leak(layer, chip, found),
    )
    synapses = Synapses(codes, exponent.view(wide), layer.stride, layer.padding)
    return IntegerLayer(layer.name, layer.sources, synapses, neurons), found


def _check_range(layer: TracedLayer, codes: Tensor, per_unit: Tensor, chip: Semantics) -> None:
    assert chip.weights is not None
    assert chip.spike is not None
    threshold = layer.threshold * per_unit / (1 << chip.spike.threshold_shift)
    too_large = (threshold < 0.5) & codes.flatten(1).any(1)  # even a threshold of 1 would be another one
    largest = (layer.weight.flatten(1).abs().amax(1) * layer.gain.abs())[too_large if too_large.any() else slice(None)]
    if not too_large.any() and (codes.any() or not layer.weight.any()):
        return
    low, high = chip.weights.exponents
    large = "large" if too_large.any() else "small"
    raise GraphError(
        f"layer '{layer.synapses}' has weights of up to {float(largest.max()):.3g}, too {large} beside the threshold"
        f" {layer.threshold:g} of '{layer.name}' for {chip.weights.bits} bits and exponents {low} to {high} of chip"
        f" '{chip.name}'; scale its weights (or the batch norm behind them), or name a chip of more bits (--chip"
        " FILE.toml; snnbench chips show prints such a document)"
    )


def _rounded(chip: Semantics) -> Rounded:
    assert chip.fold is not None
    return chip.fold.rounded


def round_weights(name: str, weight: Tensor, chip: Semantics, found: list[Excess]) -> tuple[Tensor, Tensor]:
    """Whole numbers (out, ...) within the chip's bits and units (out,), so that weights are codes times units."""
    assert chip.weights is not None
    step, most = chip.weights.step, chip.weights.most
    exact = whole_numbers(weight.float())
    if exact is not None:
        codes, unit, half = exact[0].long(), exact[1].double(), exact[2]
        codes, unit = (2 * codes + 1, unit / 2) if half else (codes, unit)
        if int(codes.abs().max()) * step <= most:
            return codes * step, unit / step
        needs = f"{int(codes.abs().max()).bit_length() + 1} bits"
    else:
        needs = "more levels than whole numbers"
    found.append(Excess(name, "weights", needs, f"{chip.weights.bits} bits, so they are rounded"))
    rows = weight.reshape(len(weight), -1)
    unit = rows.abs().amax(1).clamp(min=1e-30) / (most // step)
    codes = whole(rows / unit[:, None], _rounded(chip).weight).view(weight.shape) * step
    return codes, unit / step


def _into_thresholds(layer: TracedLayer, chip: Semantics, found: list[Excess]) -> tuple[Tensor, Tensor, Tensor]:
    """Codes, the potential (out,) that a code of 1 stands for, and exponents (out,): gains scale the thresholds."""
    assert chip.weights is not None
    codes, unit = round_weights(layer.synapses, layer.weight, chip, found)
    real = layer.gain * unit
    flipped = torch.where(real < 0, -1, 1)
    codes = codes * flipped.view(-1, *(1,) * (codes.ndim - 1))
    real = real.abs().clamp(min=layer.threshold / _room(chip) / 2**20)
    coarser = (layer.threshold / real / _room(chip)).log2().ceil().long()
    lowest = max(0, chip.weights.exponents[0])
    too_fine = (coarser + lowest).clamp(min=0)
    if too_fine.any():
        needs = f"of {int((too_fine > 0).sum())} channels are too fine for its thresholds"
        found.append(Excess(layer.synapses, "weights", needs, f"{chip.spike and chip.spike.threshold_bits} bits there"))
        codes = whole(codes / (1 << too_fine).view(-1, *(1,) * (codes.ndim - 1)), _rounded(chip).weight)
        real = real * (1 << too_fine)
    finer = torch.minimum(-(coarser - too_fine), _room_in_current(layer, codes, chip))
    exponent = finer.clamp(lowest, chip.weights.exponents[1])
    if chip.weights.exponent_of == "layer":
        exponent = exponent.min().expand_as(exponent)
    return codes, real, exponent


def _room_in_current(layer: TracedLayer, codes: Tensor, chip: Semantics) -> Tensor:
    """Exponents (out,) up to which no current saturates, even one that keeps half of what was."""
    most = torch.full((len(codes),), 31)
    if chip.current is None or chip.current.overflow == "wrap" or chip.spike is None or chip.input is None:
        return most
    entering = chip.input.range[1] if layer.sources == (INPUT,) else chip.spike.most * len(layer.sources)
    largest = codes.abs().flatten(1).sum(1).clamp(min=1).double() * entering * 2
    return (((1 << (chip.current.bits - 1)) - 1) / largest).log2().floor().long().clamp(max=31)


def _into_weights(layer: TracedLayer, chip: Semantics, found: list[Excess]) -> tuple[Tensor, Tensor, Tensor]:
    """The same with gains in the weights: one unit and one exponent a layer."""
    assert chip.weights is not None
    assert chip.spike is not None
    weight = layer.weight * layer.gain.view(-1, *(1,) * (layer.weight.ndim - 1))
    most, step = chip.weights.most, chip.weights.step
    # The largest weight, bias and threshold in units of what each of them has room for.
    needed = [layer.threshold / _room(chip)]
    if chip.spike.bias_bits:
        needed.append(
            float(layer.offset.abs().max()) / (((1 << (chip.spike.bias_bits - 1)) - 1) << chip.spike.bias_exponent)
        )
    unit = max(float(weight.abs().max()) / most, max(needed) * (1 << chip.weights.shift), 1e-30)
    codes = whole(weight / unit / step, _rounded(chip).weight) * step
    found.append(Excess(layer.synapses, "weights", "one scale a channel", "one scale a layer, so they are rounded"))
    finer = math.floor(math.log2(unit / max(needed))) - chip.weights.shift
    exponent = min(max(finer, chip.weights.exponents[0], 0), chip.weights.exponents[1]) + chip.weights.shift
    out = len(weight)
    return codes, torch.full((out,), unit, dtype=torch.float64), torch.full((out,), exponent)


def _room(chip: Semantics) -> float:
    """The largest threshold that leaves headroom in the state and fits in its own bits."""
    assert chip.membrane is not None
    assert chip.spike is not None
    state = (1 << (chip.membrane.bits - 1)) / HEADROOM
    return min(state, float(((1 << chip.spike.threshold_bits) - 1) << chip.spike.threshold_shift))


def _threshold(layer: TracedLayer, per_unit: Tensor, chip: Semantics, found: list[Excess]) -> Tensor:
    assert chip.spike is not None
    # The potential is above theta - 1 exactly where it is at least theta.
    strict = chip.spike.test == ">"
    real = layer.threshold * per_unit / (1 << chip.spike.threshold_shift)
    mantissa = whole(real, _rounded(chip).threshold) - int(strict)
    most = (1 << chip.spike.threshold_bits) - 1
    if int(mantissa.max()) > most:
        found.append(Excess(layer.name, "threshold", str(int(mantissa.max())), f"at most {most}"))
    return mantissa.clamp(1, most) << chip.spike.threshold_shift


def _bias(layer: TracedLayer, per_unit: Tensor, chip: Semantics, found: list[Excess]) -> Tensor:
    assert chip.spike is not None
    rounding = _rounded(chip).bias
    wanted = whole(layer.offset * per_unit, rounding)
    if not chip.spike.bias_bits:
        if wanted.any():
            found.append(Excess(layer.name, "bias", str(int(wanted.abs().max())), "none"))
        return torch.zeros_like(wanted)
    most = (1 << (chip.spike.bias_bits - 1)) - 1
    coarse = (wanted.abs().double() / most).clamp(min=1).log2().ceil().long().clamp(max=chip.spike.bias_exponent)
    mantissa = whole(layer.offset * per_unit / (1 << coarse), rounding)
    if int(mantissa.abs().max()) > most:
        found.append(Excess(layer.name, "bias", str(int(wanted.abs().max())), f"{chip.spike.bias_bits} bits"))
    return mantissa.clamp(-most, most) << coarse


def _reset(layer: TracedLayer, chip: Semantics, found: list[Excess]) -> ChipReset:
    assert chip.spike is not None
    wanted: ChipReset = "zero" if layer.reset == "hard" else "subtract"
    if wanted not in chip.spike.resets:
        found.append(Excess(layer.name, "reset", _RESETS[wanted], _RESETS[chip.spike.resets[0]]))
    return wanted if wanted in chip.spike.resets else chip.spike.resets[0]


def _leak(layer: TracedLayer, decay: Decay, found: list[Excess]) -> Leak:
    if layer.leak == 0:
        if decay.off:
            return NO_LEAK
        found.append(Excess(layer.name, "leak", "0", f"at least {decay.least} a step"))
        return Leak(1, decay.bits)
    if decay.form == "factor":
        return Leak(round(layer.leak * (1 << decay.bits)), decay.bits)
    shift = min(max(round(-math.log2(layer.leak)), 0), decay.bits)
    if abs(2.0**-shift - layer.leak) > 1e-9:
        found.append(Excess(layer.name, "leak", f"{layer.leak:.6g}", f"{2.0**-shift:g}"))
    return Leak(1, shift)


def _current_leak(layer: TracedLayer, chip: Semantics, found: list[Excess]) -> Leak:
    if chip.current is None or chip.current.order == "decay-add":
        return Leak(1, 0)
    found.append(Excess(layer.synapses, "current", "of one step", "memory: half of it stays"))
    return Leak(1, 1)


def fold_readout(readout: Readout, chip: Semantics) -> tuple[IntegerReadout, list[Excess]]:
    """The readout in whole numbers, with one scale.

    Raises:
        OptionError: if the chip computes in float.
    """
    if chip.weights is None:
        raise OptionError(f"chip '{chip.name}' computes in float")
    if readout.weight is None:
        return IntegerReadout(readout.sources, None, torch.zeros(1, dtype=torch.int64), 1.0), []
    unit = max(float(readout.weight.abs().max()), 1e-30) / chip.weights.most
    codes = whole(readout.weight / unit / chip.weights.step, _rounded(chip).weight) * chip.weights.step
    bias = torch.zeros(len(codes)) if readout.bias is None else readout.bias
    said = Excess(readout.name, "weights", "in full precision", f"{chip.weights.bits} bits, so they are rounded")
    return IntegerReadout(readout.sources, codes, whole(bias.double() / unit, _rounded(chip).bias), unit), [said]
