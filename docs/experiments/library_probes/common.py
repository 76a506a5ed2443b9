"""Questions that every library is asked, and how answers are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Step = Callable[[float], tuple[float, float]]
"""One step of one neuron: input in, spikes and stored potential out."""

NEURON: dict[str, Callable[[Callable[..., Step]], str]] = {
    "fires at h = threshold": lambda m: yes(m("IF")(1.0)[0] > 0),
    "LIF, tau = 2: potential after an input of 1": lambda m: number(m("LIF", 100.0)(1.0)[1]),
    "... and what the leak leaves of it in a step": lambda m: number(leak(m("LIF", 100.0))),
    "an input acts": lambda m: "in the same step" if m("IF")(10.0)[0] else "one step later",
    "IF: potential right after a spike at 1.5": lambda m: number(m("IF")(1.5)[1]),
    "... and one step later, input 0": lambda m: number(after(m("IF"), 1.5, 0.0)),
    "spikes in one step at 3.2 thresholds": lambda m: number(m("IF")(3.2)[0]),
    "potential after an input of -5": lambda m: number(m("IF")(-5.0)[1]),
}
INPUTS = {
    "operations of 4 x 3 synapses, inputs 1 0 1 0": (torch.randn(3, 4), [1.0, 0.0, 1.0, 0.0]),
    "... inputs 1 0 0.5 0": (torch.randn(3, 4), [1.0, 0.0, 0.5, 0.0]),
    "... inputs 0.3 0.6 -1 2, weights of 1": (torch.ones(3, 4), [0.3, 0.6, -1.0, 2.0]),
}


def yes(value: bool) -> str:
    return "yes" if value else "no"


def number(value: float) -> str:
    return f"{value:.4g}"


def leak(step: Step) -> float:
    before = step(1.0)[1]
    return step(0.0)[1] / before


def after(step: Step, *inputs: float) -> float:
    return [step(value)[1] for value in inputs][-1]


def neuron(make: Callable[..., Step]) -> dict[str, str]:
    """What one neuron does, by question; ``make(kind, threshold)`` makes it."""
    return {question: attempt(lambda ask=ask: ask(make)) for question, ask in NEURON.items()}


def attempt(run: Callable[[], str]) -> str:
    """What came of it, or the error in its own words."""
    try:
        return run()
    except Exception as error:  # noqa: BLE001 - any failure of a library is an answer
        return f"{type(error).__name__}: {' '.join(str(error).split())[:70]}"


def round_trip(
    export: Callable[..., Any], spikes: Callable[[Any, Tensor], Tensor], build: Callable[[], Any], x: Any
) -> str:
    """Whether a network fires alike after its library's own export and import."""

    def run() -> str:
        torch.manual_seed(0)
        network = build()
        before, after = spikes(network, x), spikes(export(network, x), x)
        if before.shape != after.shape:
            return f"another shape: {tuple(before.shape)} becomes {tuple(after.shape)}"
        wrong = int((before != after).sum())
        return "the same" if not wrong else f"{wrong} of {before.numel()} spikes differ"

    return attempt(run)


def operations(count: Callable[[nn.Linear, Tensor], float] | None) -> dict[str, str]:
    """What the library's counter of synaptic operations says of one linear layer, by question."""
    return {question: counted(count, *given) for question, given in INPUTS.items()}


def counted(count: Callable[[nn.Linear, Tensor], float] | None, weight: Tensor, inputs: list[float]) -> str:
    if count is None:
        return "it has no counter"
    linear = nn.Linear(4, 3, bias=False)
    linear.weight.data = weight
    return attempt(lambda: number(count(linear, torch.tensor([inputs]))))
