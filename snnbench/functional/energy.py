"""Energy with memory in it, at any number of bits (Lemaire et al. 2022).

Left out: leakage, clocks, the network on a chip, batch norms that are not folded, pooling, and weights that are skipped
because they are zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, inf, log2

from snnbench.errors import FiringError

ADD_PICOJOULE = 0.1
"""Energy of a 32-bit integer addition in 45 nm."""

MULTIPLY_PICOJOULE = 3.1
"""Energy of a 32-bit integer multiplication in 45 nm."""

SRAM = ((0.0, 0.0), (8 * 1024.0, 2.5), (32 * 1024.0, 5.0), (1024 * 1024.0, 25.0))
"""Capacity of a memory in bytes, and energy of a byte read from it or written to it in picojoule."""

QUEUE = 1000
"""Messages that a layer's queue of events holds."""

WORD = 32
"""Bits of a number in the published model."""


@dataclass(frozen=True)
class SynapseLoad:
    """What a layer of synapses is asked for, in the mean an image over all steps.

    Attributes:
        linear: whether it is a linear layer, else a convolution.
        spikes: whether its inputs are spikes, else real numbers.
        inputs: numbers that come in.
        active: those that are not zero.
        outputs: numbers that go out.
        call_inputs: numbers that come in in one call of the layer: what its input memory holds.
        step_outputs: numbers that go out in one step: the potentials that it adds to.
        reach: weights that an active input reads: the outputs of a linear layer, output channels times kernel.
        operations: additions that an active input causes; of a convolution with a stride, fewer than `reach`.
        row: weights that an output sums up.
        kernel: output channels times kernel of a convolution, for each of its calls; 0 of a linear layer.
        weights: number of weights.
        biases: number of biases.
    """

    linear: bool
    spikes: bool
    inputs: float
    active: float
    outputs: float
    call_inputs: float
    step_outputs: float
    reach: int
    operations: int
    row: int
    kernel: float
    weights: int
    biases: int


@dataclass(frozen=True)
class NeuronLoad:
    """What a layer of neurons does, in the mean an image: neurons, steps, spikes sent, and whether it multiplies by a
    leak."""

    neurons: int
    timesteps: int
    spikes: float
    leaks: bool


@dataclass(frozen=True)
class OperandBits:
    """Bits of a weight, a membrane potential, an event (its address), and an input that is a real number."""

    weight: int = WORD
    state: int = WORD
    event: int = WORD
    value: int = WORD


@dataclass(frozen=True)
class MemoryEnergy:
    """Picojoule an image: arithmetic, addressing, and the memories of inputs and outputs, parameters and potentials."""

    operations: float
    addressing: float
    in_out: float
    parameters: float
    potentials: float

    @property
    def total(self) -> float:
        """Sum of all."""
        return self.operations + self.addressing + self.in_out + self.parameters + self.potentials

    def __add__(self, other: MemoryEnergy) -> MemoryEnergy:
        """Both together."""
        return MemoryEnergy(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))


def synapse_energy(load: SynapseLoad, bits: OperandBits = OperandBits()) -> MemoryEnergy:
    """Energy of a layer of synapses, in picojoule an image.

    An addition costs in proportion to its bits, a multiplication in proportion to the product of both numbers' bits; a
    byte of memory costs by the size of the memory, which fewer bits make smaller too. At 32 bits this is the published
    model, as SpikingJelly 2.0 counts it.

    Source: Lemaire et al. 2022, An Analytical Estimation of Spiking Neural Networks Energy Efficiency,
    arXiv 2210.13107; SRAM and integer operations of 45 nm after Jouppi et al. 2021 and Horowitz 2014, as given there.
    """
    return _event_driven(load, bits) if load.spikes else _dense(load, bits)


def neuron_energy(load: NeuronLoad, bits: OperandBits = OperandBits()) -> MemoryEnergy:
    """Energy of a layer of neurons, in picojoule an image; see `synapse_energy`."""
    updates = load.neurons * load.timesteps
    leak = updates * _multiply_add(bits.state, bits.state) if load.leaks else 0.0
    state = _memory(updates, load.neurons, bits.state)
    sent = _memory(load.spikes, QUEUE, bits.event)
    return MemoryEnergy(load.spikes * _add(bits.state) + leak, 0.0, sent, 0.0, 2 * state)


@dataclass(frozen=True)
class Work:
    """What a network is asked for in the mean an image, and at how many bits: what a cost is computed from.

    Attributes:
        synapses: layer of synapses -> its load.
        neurons: layer of neurons -> its load.
        bits: layer -> bits of its operands; of 32 where it is not named.
    """

    synapses: Mapping[str, SynapseLoad]
    neurons: Mapping[str, NeuronLoad]
    bits: Mapping[str, OperandBits]


CostOf = Callable[[Work], float]
"""A cost of one's own, or of a plugin: picojoule an image."""


def address_bits(places: float) -> int:
    """Bits of an event, the address of one of so many places."""
    return max(1, ceil(log2(places)))


def work_at(
    synapses: Mapping[str, SynapseLoad],
    neurons: Mapping[str, NeuronLoad],
    weights: Mapping[str, int],
    states: Mapping[str, int],
) -> Work:
    """What layers were asked for, at the bits found in their weights and stored potentials, 32 where not given.

    The potentials of a layer of synapses are as wide as the widest; an event is an address.
    """
    widest = max((states.get(name, WORD) for name in neurons), default=WORD)
    bits = {
        name: OperandBits(weights.get(name, WORD), widest, address_bits(load.call_inputs))
        for name, load in synapses.items()
    }
    for name, load in neurons.items():
        bits[name] = OperandBits(state=states.get(name, WORD), event=address_bits(load.neurons))
    return Work(synapses, neurons, bits)


def picojoule(name: str, of: CostOf, work: Work) -> float:
    """What the cost `of` that name makes of `work`, in picojoule an image.

    Raises:
        FiringError: if it fails, or gives no finite number from 0 up.
    """
    try:
        found = float(of(work))
    except Exception as error:
        raise FiringError(f"cost {name!r} failed: {type(error).__name__}: {error}") from error
    if not 0 <= found < inf:
        raise FiringError(f"cost {name!r} gave {found}; picojoule are a finite number from 0 up")
    return found


def memory_energy(work: Work) -> float:
    """`network_energy` in all, in picojoule."""
    return total_energy(network_energy(work.synapses, work.neurons, work.bits).values()).total


def network_energy(
    synapses: Mapping[str, SynapseLoad],
    neurons: Mapping[str, NeuronLoad],
    bits: Mapping[str, OperandBits] | None = None,
) -> dict[str, MemoryEnergy]:
    """Energy of each layer of synapses and of neurons, in picojoule an image; `bits` by layer, 32 where not given."""
    chosen = bits or {}
    return {name: synapse_energy(load, chosen.get(name, OperandBits())) for name, load in synapses.items()} | {
        name: neuron_energy(load, chosen.get(name, OperandBits())) for name, load in neurons.items()
    }


def total_energy(energies: Iterable[MemoryEnergy]) -> MemoryEnergy:
    """Sum over layers."""
    return sum(energies, MemoryEnergy(0, 0, 0, 0, 0))


def _event_driven(load: SynapseLoad, bits: OperandBits) -> MemoryEnergy:
    reads = load.active * load.reach
    located = 0.0 if load.linear else 2 * load.active * _multiply_add(WORD, WORD)
    return MemoryEnergy(
        operations=(load.active * load.operations + _biases(load)) * _add(bits.state),
        addressing=reads * _add(WORD) + located,
        in_out=_memory(load.active, QUEUE, bits.event),
        parameters=_parameters(load, reads, bits),
        potentials=2 * _memory(reads, load.step_outputs, bits.state),
    )


def _dense(load: SynapseLoad, bits: OperandBits) -> MemoryEnergy:
    reads = load.outputs * load.row
    return MemoryEnergy(
        operations=reads * _multiply_add(bits.weight, bits.value) + _biases(load) * _add(bits.state),
        addressing=(load.inputs + load.outputs + load.kernel) * _add(WORD),
        in_out=_memory(load.inputs if load.linear else reads, load.call_inputs, bits.value),
        parameters=_parameters(load, reads, bits),
        potentials=0.0,
    )


def _parameters(load: SynapseLoad, reads: float, bits: OperandBits) -> float:
    capacity = (load.weights * bits.weight + load.biases * WORD) / 8
    return (reads * bits.weight + _biases(load) * WORD) / 8 * sram_picojoule(capacity)


def _biases(load: SynapseLoad) -> float:
    return load.outputs if load.biases else 0.0


def _memory(accesses: float, held: float, bits: int) -> float:
    return accesses * bits / 8 * sram_picojoule(held * bits / 8)


def sram_picojoule(capacity: float) -> float:
    """Energy of a byte of a memory of `capacity` bytes: linear between the points of `SRAM`, constant beyond."""
    at = min(max(capacity, SRAM[0][0]), SRAM[-1][0])
    for (x0, y0), (x1, y1) in pairwise(SRAM):
        if at <= x1:
            return y0 + (y1 - y0) / (x1 - x0) * (at - x0)
    return SRAM[-1][1]


def _add(bits: int) -> float:
    return ADD_PICOJOULE * bits / WORD


def _multiply_add(bits: int, other: int) -> float:
    return MULTIPLY_PICOJOULE * bits * other / WORD**2 + _add(max(bits, other))
