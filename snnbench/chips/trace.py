"""A network as layers of synapses and neurons, with everything that feeds a neuron as one linear map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from snnbench.errors import GraphError
from snnbench.exchange.network import Threshold
from snnbench.exchange.used_weights import multiplies_its_parameter
from snnbench.exchange.wiring import INPUT, OUTPUT, Wiring, wire
from snnbench.nn.neurons import IFNeuron, LIFNeuron, PLIFNeuron, SpikingNeuron

_BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d
_THROUGH = (nn.Flatten, nn.AdaptiveAvgPool2d)


@dataclass(frozen=True)
class TracedLayer:
    """One spiking layer: ``h = v (1 - leak) + gain * (weight * x) + offset``, fires at ``threshold``; all float64.

    Attributes:
        name: of the neuron; `synapses` is that of the convolution or linear layer.
        sources: names of the layers whose spikes are added at its input, or `INPUT`.
        weight: (out, in, kh, kw) or (out, in); `stride` and `padding` are of a convolution.
        gain, offset: (out,), of batch norm, bias and, where the neuron's leak scales its input, that.
        start: the potential before the first step.
    """

    name: str
    synapses: str
    sources: tuple[str, ...]
    weight: Tensor
    stride: tuple[int, int]
    padding: tuple[int, int]
    gain: Tensor
    offset: Tensor
    leak: float
    threshold: float
    start: float
    reset: str


@dataclass(frozen=True)
class Readout:
    """The last linear layer, on spikes averaged over steps and positions; without weight, those are the logits."""

    name: str
    sources: tuple[str, ...]
    weight: Tensor | None
    bias: Tensor | None


def trace(model: nn.Module) -> tuple[tuple[TracedLayer, ...], Readout]:
    """The spiking layers of a SEW-ResNet, a chain, or whatever `torch.fx` can follow, in running order.

    Raises:
        GraphError: if a layer cannot be folded into integers; the message names it, and says what to do.
    """
    wiring = wire(model)
    _check_weights(wiring)
    layers = tuple(_layer(name, module, wiring) for name, module in _neurons(wiring))
    used = {layer.synapses for layer in layers}
    rest = [name for name, module in wiring.modules.items() if isinstance(module, nn.Conv2d | nn.Linear)]
    last = [name for name in rest if name not in used]
    _check_rest(wiring, last)
    return layers, _readout(wiring, last)


def _check_weights(wiring: Wiring) -> None:
    for name, module in wiring.modules.items():
        if isinstance(module, nn.Conv2d | nn.Linear) and not multiplies_its_parameter(module):
            raise GraphError(
                f"layer '{name}' ({type(module).__name__}) has a forward of its own: snnbench.to_nir writes the weights"
                " that it multiplies with, and a chip runs what snnbench.from_nir reads"
            )


def _neurons(wiring: Wiring) -> list[tuple[str, SpikingNeuron]]:
    found = [(name, module) for name, module in wiring.modules.items() if isinstance(module, SpikingNeuron)]
    if not found:
        raise GraphError(
            "the network has no spiking neurons of snnbench, so no chip can run it; those of other libraries are had by"
            " snnbench.to_nir and snnbench.from_nir"
        )
    return found


def _before(wiring: Wiring, name: str) -> list[str]:
    return [source for source, target in wiring.edges if target == name]


def _layer(name: str, neuron: SpikingNeuron, wiring: Wiring) -> TracedLayer:
    if neuron.state_quantizer is not None:
        raise GraphError(f"neuron '{name}' has a membrane quantizer; a chip has bits of its own, so leave it out")
    if neuron.v_reset:
        raise GraphError(f"neuron '{name}' resets to {neuron.v_reset}; chips reset to 0 or subtract the threshold")
    synapses, norm = _feeding(name, wiring)
    module: Any = wiring.modules[synapses]
    _check_synapses(synapses, module)
    gain, offset = _affine(module, norm)
    leak, feed = _leak(name, neuron)
    threshold = float(neuron.threshold)
    return TracedLayer(
        name=name,
        synapses=synapses,
        sources=_sources(synapses, wiring),
        weight=module.weight.detach().double().cpu(),
        stride=tuple(getattr(module, "stride", (1, 1))),
        padding=tuple(getattr(module, "padding", (0, 0))),
        gain=gain * feed,
        offset=offset * feed,
        leak=leak,
        threshold=threshold,
        start=(neuron.v_init or 0.0) * threshold,
        reset=neuron.reset,
    )


def _feeding(name: str, wiring: Wiring) -> tuple[str, _BatchNorm | None]:
    """The convolution or linear layer in front of a neuron, and the batch norm between them."""
    sources = _before(wiring, name)
    norm = wiring.modules.get(sources[0])
    if len(sources) == 1 and isinstance(norm, _BatchNorm):
        return _weighted(sources[0], f"batch norm '{sources[0]}'", wiring), norm
    return _weighted(name, f"neuron '{name}'", wiring), None


def _weighted(name: str, what: str, wiring: Wiring) -> str:
    sources = _before(wiring, name)
    if len(sources) != 1 or not isinstance(wiring.modules.get(sources[0]), nn.Conv2d | nn.Linear):
        found = " + ".join(_called(each, wiring) for each in sources)
        raise GraphError(
            f"{what} follows {found}, not one Conv2d or Linear layer, so it cannot be folded; put weights, batch norm"
            " and neuron in that order"
        )
    return sources[0]


def _called(name: str, wiring: Wiring) -> str:
    module = wiring.modules.get(name)
    return f"'{name}' ({type(module).__name__})" if module else f"'{name}'"


def _check_synapses(name: str, module: Any) -> None:
    if isinstance(module, nn.Linear):
        return
    if module.groups != 1 or tuple(module.dilation) != (1, 1):
        raise GraphError(
            f"convolution '{name}' has groups={module.groups} and dilation={module.dilation}; both must be 1"
        )
    if module.padding_mode != "zeros" or isinstance(module.padding, str):
        raise GraphError(f"convolution '{name}' must pad with zeros, by numbers")


def _affine(module: Any, norm: _BatchNorm | None) -> tuple[Tensor, Tensor]:
    out = len(module.weight)
    bias = torch.zeros(out) if module.bias is None else module.bias.detach()
    if norm is None:
        return torch.ones(out, dtype=torch.float64), bias.double()
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = (norm.running_var.double() + norm.eps).rsqrt()
    gain = scale if norm.weight is None else scale * norm.weight.detach().double()
    shift = 0.0 if norm.bias is None else norm.bias.detach().double()
    return gain, gain * (bias.double() - norm.running_mean.double()) + shift


def _leak(name: str, neuron: SpikingNeuron) -> tuple[float, float]:
    """The part of the potential that a step loses, and what the current is multiplied by."""
    if isinstance(neuron, IFNeuron):
        return 0.0, 1.0
    if isinstance(neuron, LIFNeuron):
        leak = 1 / neuron.tau
    elif isinstance(neuron, PLIFNeuron):
        leak = float(neuron.w.detach().double().sigmoid())
    else:
        raise GraphError(
            f"neuron '{name}' is a {type(neuron).__name__}, which no chip has; use IF, LIF or PLIF neurons"
        )
    return leak, leak if neuron.decay_input else 1.0


def _sources(name: str, wiring: Wiring) -> tuple[str, ...]:
    """Where the input of synapses comes from: neurons or the image, seen through what only reshapes."""
    found: list[str] = []
    for source in _before(wiring, name):
        module = wiring.modules.get(source)
        if source == INPUT or isinstance(module, SpikingNeuron):
            found.append(source)
        elif isinstance(module, nn.Flatten):
            found += _sources(source, wiring)
        else:
            raise _no_spikes(f"layer '{name}'", source, wiring)
    return tuple(found)


def _no_spikes(what: str, source: str, wiring: Wiring) -> GraphError:
    takes = f"{what} takes the output of {_called(source, wiring)}"
    if isinstance(wiring.modules.get(source), Threshold):
        return GraphError(
            f"{takes}, maxima, products or differences of spikes, which no chip has; merge by ADD, and use a"
            " convolution of stride 2 in place of max-pooling"
        )
    return GraphError(
        f"{takes}, which is neither spikes nor the image; a chip has neurons between layers of weights, and batch norm"
        f" only before them: leave '{source}' out, or put it in front of a neuron"
    )


def _check_rest(wiring: Wiring, last: list[str]) -> None:
    if len(last) > 1:
        raise GraphError(f"no neuron follows {' and '.join(map(repr, last))}; only the last layer may have none")
    for name, module in wiring.modules.items():
        if isinstance(module, nn.AvgPool2d):
            raise GraphError(f"layer '{name}' averages over windows; use a convolution of stride 2 in its place")


def _readout(wiring: Wiring, last: list[str]) -> Readout:
    end = last[0] if last else OUTPUT
    if last and _before(wiring, OUTPUT) != last:
        raise GraphError(f"layer '{last[0]}' has no neuron and is not the last layer")
    sources, pooled = _read_from(wiring, end)
    module: Any = wiring.modules.get(end)
    for source in sources:
        _check_read(source, end, module, pooled, wiring)
    weight = None if module is None else module.weight.detach().double().cpu()
    bias = None if module is None or module.bias is None else module.bias.detach().double().cpu()
    return Readout(end, tuple(sources), weight, bias)


def _read_from(wiring: Wiring, end: str) -> tuple[list[str], bool]:
    """What is read out, seen through what reshapes and averages, and whether that leaves one number a channel."""
    sources, pooled = _before(wiring, end), False
    while len(sources) == 1 and isinstance(module := wiring.modules.get(sources[0]), _THROUGH):
        pooled |= isinstance(module, nn.AdaptiveAvgPool2d) and module.output_size in (1, (1, 1))
        sources = _before(wiring, sources[0])
    return sources, pooled


def _check_read(source: str, end: str, module: Any, pooled: bool, wiring: Wiring) -> None:
    if not isinstance(wiring.modules.get(source), SpikingNeuron):
        raise _no_spikes("the readout", source, wiring)
    synapses = _feeding(source, wiring)[0]
    weight = cast(Any, wiring.modules[synapses]).weight
    if module is None and weight.ndim == 4 and not pooled:
        raise GraphError(
            f"the network ends in '{source}', which has neurons at all positions of convolution '{synapses}'; a chip"
            " reads out sums over a channel: put nn.AdaptiveAvgPool2d(1) behind it, or nn.Flatten, a linear layer and"
            " a neuron"
        )
    if module is not None and module.weight.shape[1] != len(weight):
        raise GraphError(
            f"layer '{end}' has a weight for each of {module.weight.shape[1]} numbers, and '{source}' has"
            f" {len(weight)} channels; a chip reads out means over a channel: put nn.AdaptiveAvgPool2d(1) before it,"
            " or a neuron behind it"
        )
