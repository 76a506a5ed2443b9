"""What bounds a layer: reading weights, updating neurons or receiving events (floorline)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from snnbench.errors import FiringError
from snnbench.functional.energy import SynapseLoad

EnergyState = Literal["memory", "compute", "traffic"]


@dataclass(frozen=True)
class Floorline:
    """What bounds a layer if it had a core of its own, per image and step.

    Attributes:
        state: ``memory``: reading weights takes longest; ``compute``: updating neurons; ``traffic``: receiving events.
        synapses: weights read, times their cost.
        updates: neurons updated, times their cost.
        messages: events received, times their cost.
    """

    state: EnergyState
    synapses: float
    updates: float
    messages: float

    @property
    def bound(self) -> float:
        """The largest of the three: the time that the layer takes at least."""
        return max(self.synapses, self.updates, self.messages)


def floorline(load: SynapseLoad, timesteps: int, costs: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Floorline:
    """Which of the three stages of a core a layer waits for.

    Args:
        load: what the layer is asked for.
        timesteps: T.
        costs: time of reading a weight, updating a neuron and receiving an event; by default the same, since a chip's
            own are its vendor's to say.

    Raises:
        FiringError: if a cost is not above 0.

    Source: Yik et al. 2025, Modeling and Optimizing Performance Bottlenecks for Neuromorphic Accelerators,
    arXiv 2511.21549.
    """
    if min(costs) <= 0:
        raise FiringError(f"costs={costs} of a weight, an update and an event must be above 0")
    received = load.active if load.spikes else load.inputs
    weights = received * load.reach / timesteps if load.spikes else load.outputs * load.row / timesteps
    loads = (weights * costs[0], load.step_outputs * costs[1], received / timesteps * costs[2])
    states: tuple[EnergyState, ...] = ("memory", "compute", "traffic")
    return Floorline(states[loads.index(max(loads))], *loads)
