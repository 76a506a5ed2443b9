"""What a chip makes of a quantized network, as records hold it."""

from __future__ import annotations

from snnbench.records.schema import RecordPart
from snnbench.records.score import Score


class ChipExcess(RecordPart):
    """Something that the chip cannot hold as the network has it."""

    layer: str
    what: str
    needs: str
    has: str


class ChipLayer(RecordPart):
    """One spiking layer: how many of its spikes differ (0 to 1 of all steps, images and neurons), and how it overflows.

    Attributes:
        firing_rate: steps at which a neuron fires, in the mean; `float_rate` is that of the network with float states.
        spikes_differ: part of the steps at which one of both networks fires and the other does not.
        several: neurons that fire more than once in a step, over all steps and images.
        overflows: potentials that did not fit in the chip's bits, over all steps and images.
    """

    layer: str
    firing_rate: float
    float_rate: float
    spikes_differ: float
    firing_emd: float
    several: int
    overflows: int


class ChipGap(RecordPart):
    """The chip gap: a network of whole numbers against the same quantized network with float states, on all images.

    Attributes:
        accuracy, accuracy_change, mcnemar_p: of the network on the chip; the change is against float states.
        firing_emd, firing_drift: against float states, with a step at which a neuron fires several times as one spike.
        spikes_differ: part of all steps, images and neurons where one network fires and the other does not.
        overflow: part of all steps, images and neurons where a potential did not fit in the chip's bits.
        first_layer, first_step: where in running order the first spike differs, steps from 0; None if none does.
        silent: layers without a spike.
        excess: what the chip cannot hold as the network has it.
    """

    accuracy: Score
    accuracy_change: Score
    mcnemar_p: Score
    firing_emd: Score
    firing_drift: Score
    spikes_differ: Score
    overflow: Score
    first_layer: str | None
    first_step: int | None
    silent: tuple[str, ...]
    excess: tuple[ChipExcess, ...]
    layers: tuple[ChipLayer, ...]
