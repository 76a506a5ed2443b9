"""A network of whole numbers from the image to the logits."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from snnbench.chips.document import Semantics
from snnbench.chips.fold import IntegerLayer, IntegerReadout, Synapses
from snnbench.chips.neuron import run
from snnbench.exchange.wiring import INPUT

EXACT = 2**24
"""Below it every whole number is a float32."""

_Watch = Callable[[str, Tensor], None]


class IntegerNetwork(nn.Module):
    """What a chip computes: images (N, *shape) in, whole-number logits (N, classes) int64 out.

    Attributes:
        chip: whose arithmetic it is.
        layers: the spiking layers in running order.
        overflows: by layer, int64 (N,): how many potentials did not fit in their bits, of each image that ran so far.
        watch: is given the name and the spikes (T, N, *features) int64 of each layer as it has run, if it is set.
    """

    def __init__(
        self, chip: Semantics, layers: tuple[IntegerLayer, ...], readout: IntegerReadout, timesteps: int
    ) -> None:
        super().__init__()
        self.chip, self.layers, self.readout, self.timesteps = chip, layers, readout, timesteps
        self.overflows = {layer.name: torch.zeros(0, dtype=torch.int64) for layer in layers}
        self.watch: _Watch | None = None

    def enter(self, images: Tensor) -> Tensor:
        """Images as the fixed-point numbers int64 that drive the first layer."""
        assert self.chip.input is not None
        scaled: Tensor = (images * (1 << self.chip.input.fraction)).round()
        return scaled.clamp(*self.chip.input.range).long()

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) int64 of normalised `images` (N, *shape)."""
        given = {INPUT: self.enter(images)}
        for layer in self.layers:
            given[layer.name] = self._spikes(layer, given)
        counts = torch.stack([given[source] for source in self.readout.sources]).sum((0, 1))
        positions = counts[0, 0].numel()
        return self._logits(counts.flatten(2).sum(2) if counts.ndim > 2 else counts, positions)

    def _spikes(self, layer: IntegerLayer, given: dict[str, Tensor]) -> Tensor:
        if layer.sources == (INPUT,):
            sums = apply(layer.synapses, given[INPUT])
            events = sums.expand(self.timesteps, *sums.shape)
        else:
            x = torch.stack([given[source] for source in layer.sources]).sum(0)
            sums = apply(layer.synapses, x.flatten(0, 1))
            events = sums.view(*x.shape[:2], *sums.shape[1:])
        trace = run(events, layer.neurons, self.chip)
        self._overflowed(layer.name, trace.overflows)
        if self.watch:
            self.watch(layer.name, trace.spikes)
        return trace.spikes

    def _overflowed(self, layer: str, counts: Tensor) -> None:
        self.overflows[layer] = torch.cat([self.overflows[layer], counts])

    def _logits(self, counts: Tensor, positions: int) -> Tensor:
        if self.readout.codes is None:
            return counts
        return counts @ self.readout.codes.T + self.readout.bias * (self.timesteps * positions)


def apply(synapses: Synapses, x: Tensor) -> Tensor:
    """Sums of weights (N, out, *positions) int64 that whole numbers `x` (N, in, *positions) reach, shifted."""
    return convolve(synapses, x) << synapses.shift


def convolve(synapses: Synapses, x: Tensor) -> Tensor:
    """The sums before they are shifted: exact, since floating point is exact on small whole numbers."""
    largest = int(x.abs().max()) * reach(synapses) if x.numel() else 0
    kind = torch.float32 if largest < EXACT else torch.float64
    x, weight = x.to(kind), synapses.codes.to(kind)
    if weight.ndim == 2:
        return (x.flatten(1) @ weight.T).long()
    return F.conv2d(x, weight, stride=synapses.stride, padding=synapses.padding).long()


def reach(synapses: Synapses) -> int:
    """The largest sum of magnitudes of the weights at one neuron."""
    return int(synapses.codes.abs().flatten(1).sum(1).max())
