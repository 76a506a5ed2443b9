"""A network of whole numbers in xylosim, SynSense's simulator of Xylo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from snnbench.chips.fold import IntegerLayer
from snnbench.chips.network import IntegerNetwork
from snnbench.errors import OptionError

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Simulated:
    """What xylosim recorded, each (T, neurons) int64, the readout's brought forward by the step that it comes late."""

    hidden: Numbers
    output: Numbers
    hidden_potentials: Numbers
    output_potentials: Numbers


class Simulator:
    """A network of one hidden and one output layer in xylosim.

    Args:
        network: what `snnbench.on_chip` made for ``xylo`` or ``xylo-audio2``.

    Raises:
        OptionError: if the network is none of two linear layers without bias at the output.
    """

    def __init__(self, network: IntegerNetwork) -> None:
        if len(network.layers) != 2 or any(layer.synapses.codes.ndim != 2 for layer in network.layers):
            raise OptionError("xylosim has one hidden and one output layer; the network must be of two linear layers")
        self._hidden, self._output = network.layers
        if _each(self._output, self._output.neurons.bias).any():
            raise OptionError("an output's bias would begin a step before its first input; leave it out")
        self._steps = network.timesteps
        # The layer holds bare pointers into these lists: it reads freed memory once they are gone.
        self._synapses = _synapses(network, self._hidden), _synapses(network, self._output)
        self._layer = _layer(network, *self._synapses)

    def run(self, events: Tensor) -> Simulated:
        """Run one image: numbers of events (inputs,) that enter at every step."""
        self._layer.reset_all()
        steps = np.repeat(events.numpy().astype(np.uint8)[None], self._steps, 0)
        self._layer.evolve(np.concatenate([steps, np.zeros_like(steps[:1])]).tolist())
        hidden, output = (np.array(spikes) for spikes in (self._layer.rec_recurrent_spikes, self._layer.rec_out_spikes))
        potentials = [np.array(part).T for part in (self._layer.rec_v_mem, self._layer.rec_v_mem_out)]
        return Simulated(hidden[:-1], output[1:], potentials[0][:-1], potentials[1][1:])


def _each(layer: IntegerLayer, values: Tensor | int) -> Numbers:
    return np.broadcast_to(np.asarray(values), (len(layer.synapses.codes),)).astype(np.int64)


def _module(network: IntegerNetwork) -> Any:
    import xylosim.v1
    import xylosim.v2

    assert network.chip.membrane is not None
    return xylosim.v2 if network.chip.membrane.adds == "change" else xylosim.v1


def _synapses(network: IntegerNetwork, layer: IntegerLayer) -> list[list[Any]]:
    make = _module(network).XyloSynapse
    return [
        [make(target, 0, int(weight)) for target, weight in enumerate(weights) if weight]
        for weights in layer.synapses.codes.T.tolist()
    ]


def _layer(network: IntegerNetwork, inward: list[list[Any]], outward: list[list[Any]]) -> Any:
    hidden, output = network.layers
    sizes = len(hidden.synapses.codes), len(output.synapses.codes)
    biases = {"has_bias": True, "bias": _each(hidden, hidden.neurons.bias).tolist(), "bias_out": [0] * sizes[1]}
    module = _module(network)
    return module.XyloLayer(
        synapses_in=inward,
        synapses_rec=[[] for _ in range(sizes[0])],
        synapses_out=outward,
        aliases=[[] for _ in range(sizes[0])],
        threshold=_each(hidden, hidden.neurons.threshold).tolist(),
        threshold_out=_each(output, output.neurons.threshold).tolist(),
        weight_shift_inp=int(hidden.synapses.shift.max()),
        weight_shift_rec=0,
        weight_shift_out=int(output.synapses.shift.max()),
        dash_mem=[hidden.neurons.leak.bits] * sizes[0],
        dash_mem_out=[output.neurons.leak.bits] * sizes[1],
        dash_syns=[[hidden.neurons.current_leak.bits]] * sizes[0],
        dash_syns_out=[[output.neurons.current_leak.bits]] * sizes[1],
        name=network.chip.name,
        **(biases if module.__name__.endswith("v2") else {}),
    )
