"""What a chip has no room for in a network, by name and number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from snnbench.chips.arithmetic import bounds
from snnbench.chips.document import Semantics
from snnbench.chips.fold import Excess, IntegerLayer
from snnbench.chips.network import IntegerNetwork
from snnbench.chips.neuron import Neurons
from snnbench.chips.trace import TracedLayer
from snnbench.exchange.wiring import INPUT

_Shape = tuple[int, ...]


def shapes(layers: tuple[TracedLayer, ...], input_shape: _Shape) -> dict[str, _Shape]:
    """The features (C, H, W) or (C,) of each layer, for images of `input_shape`."""
    found: dict[str, _Shape] = {INPUT: input_shape}
    for layer in layers:
        before = found[layer.sources[0]]
        found[layer.name] = tuple(_probe(layer, torch.empty(1, *before, device="meta")).shape[1:])
    del found[INPUT]
    return found


def _probe(layer: TracedLayer, x: Tensor) -> Tensor:
    weight = torch.empty(layer.weight.shape, device="meta")
    if weight.ndim == 2:
        return x.flatten(1) @ weight.T
    return torch.nn.functional.conv2d(x, weight, stride=layer.stride, padding=layer.padding)


def excesses(layers: tuple[TracedLayer, ...], input_shape: _Shape, chip: Semantics) -> list[Excess]:
    """Everything of which `layers` have more than the chip."""
    room, features = chip.limits, shapes(layers, input_shape)
    sizes = {name: _size(shape) for name, shape in features.items()}
    counted = [
        ("network", "inputs", _size(input_shape), room.inputs),
        ("network", "outputs", list(sizes.values())[-1], room.outputs),
        ("network", "neurons", sum(sizes.values()), room.neurons),
        ("network", "layers", len(layers), room.layers),
        *_of_layers(layers, sizes, chip),
    ]
    found = [Excess(at, what, str(n), f"{most}") for at, what, n, most in counted if most is not None and n > most]
    if not room.convolutions:
        found += [Excess(x.synapses, "layer type", "convolution", "none") for x in layers if x.weight.ndim == 4]
    if chip.input and chip.input.enters == "events":
        found += [Excess(x.synapses, "input", "below 0", "events") for x in layers if x.sources == (INPUT,)]
    return found


def _of_layers(
    layers: tuple[TracedLayer, ...], sizes: dict[str, int], chip: Semantics
) -> Iterator[tuple[str, str, int, int | None]]:
    summed = chip.fold is not None and chip.fold.residual == "summed"
    for layer in layers:
        fan_in = layer.weight[0].numel() * (len(layer.sources) if summed else 1)
        yield layer.synapses, "fan-in", fan_in, chip.limits.fan_in
        yield layer.synapses, "weights", layer.weight.numel(), chip.limits.weights_in_layer
        yield layer.name, "neurons", sizes[layer.name], chip.limits.neurons_in_layer


def reached(network: IntegerNetwork) -> list[Excess]:
    """Where the events of one step can leave a state's bits, and where neurons can fire more often in it than once.

    It is the worst case, in which all that arrives has the sign of its weight.
    """
    assert network.chip.membrane is not None
    bits = network.chip.membrane.bits
    room, fires, found = bounds(bits)[1], dict[str, int](), list[Excess]()
    for layer in network.layers:
        most, least = _sums(layer, network.chip, fires)
        largest, fires[layer.name] = max(int(most.max()), -int(least.min())), _fires(layer.neurons, most, room)
        if largest > room:
            found.append(Excess(layer.name, "sum of a step", f"up to {largest}", f"{bits} bits"))
        if fires[layer.name] > 1:
            found.append(Excess(layer.name, "spikes a step", "at most 1", f"up to {fires[layer.name]}"))
    return found


def _sums(layer: IntegerLayer, chip: Semantics, fires: Mapping[str, int]) -> tuple[Tensor, Tensor]:
    """The largest and the smallest sum (out,) of a step, with the bias."""
    assert chip.input is not None
    codes, bias = layer.synapses.codes.flatten(1), torch.as_tensor(layer.neurons.bias).flatten()
    above, below, shift = codes.clamp(min=0).sum(1), codes.clamp(max=0).sum(1), layer.synapses.shift.flatten()
    spikes = sum(fires[source] for source in layer.sources if source != INPUT)
    low, high = chip.input.range if layer.sources == (INPUT,) else (0, spikes)
    return ((above * high + below * low) << shift) + bias, ((above * low + below * high) << shift) + bias


def _fires(neurons: Neurons, most: Tensor, room: int) -> int:
    """Spikes of a neuron in one step, where `most` (out,) arrives on a potential just below the threshold."""
    if neurons.reset == "zero":
        return 1
    threshold = torch.as_tensor(neurons.threshold).flatten()
    reached = (most + threshold - 1).clamp(0, room) // threshold
    return int(reached.max().clamp(1, neurons.most))


def _size(shape: _Shape) -> int:
    return torch.Size(shape).numel()
