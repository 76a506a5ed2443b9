"""What a quantizer may offer besides, a check for each offer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from snnbench.quant import Calibrated, Joint, Refitting, quantizers
from snnbench.quant.calibration import calibrate as calibrated
from snnbench.testing.outcome import CheckSkipped
from snnbench.testing.probes import (
    original_weight,
    read_weight,
    require,
    require_few_levels,
    require_finite,
    weight_of,
)
from snnbench.testing.subject import Check, Subject, Variant, convolution, images, linear, variants, weights

_OTHER_STATE = "what for_membrane makes cannot be restored into what the factory makes of a membrane"


def calibrate(subject: Subject) -> None:
    """If it offers ``calibrate(inputs)``: then finite, of no more levels, and kept by the ``state_dict``."""
    for variant, model, _ in _offering(subject, Calibrated, convolution, "calibrate(inputs)"):
        calibrated(model, [images(seed) for seed in (1, 2)])
        found = weight_of(model)
        require_finite(variant, found, found)
        require_few_levels(variant, found)
        other = variant.quantize(convolution(seed=5))
        other.load_state_dict(model.state_dict())
        require(torch.equal(found, weight_of(other)), f"{variant}: the state_dict does not keep the calibration")


def refits(subject: Subject) -> None:
    """If it offers ``start_forward()`` and ``finish_forward()``: it changes once a training forward, and by no read."""
    for variant, model, quantizer in _offering(subject, Refitting, linear, "start_forward() and finish_forward()"):
        model.train()
        before = _state(quantizer)
        for _ in range(3):
            read_weight(model)
        require(_same(before, _state(quantizer)), f"{variant}: it changes where its weight is read")
        with torch.no_grad():
            original_weight(model).mul_(1.5)  # as a step of the optimizer: refitted to the same weight it may stay
            model(weights(5, 16))
            model.eval()(weights(5, 16))
        once = _state(quantizer)
        require(not _same(before, once), f"{variant}: a training forward does not change it")
        model.eval()(weights(5, 16))
        require(_same(once, _state(quantizer)), f"{variant}: it changes in evaluation")


def joint(subject: Subject) -> None:
    """If it offers ``for_membrane(tensor, bits=...)``: of few levels, and its state fits the factory's own membrane."""
    membrane = torch.full((4,), torch.nan)
    for variant, _, of_weights in _offering(subject, Joint, convolution, "for_membrane(tensor, bits=...)"):
        shared, alone = of_weights.for_membrane(membrane, **variant.arguments), variant.make(membrane)
        require(shared.state_dict().keys() == alone.state_dict().keys(), f"{variant}: {_OTHER_STATE}")
        alone.load_state_dict(shared.state_dict())
        states = torch.linspace(-2, 2, 4000).view(1, 4000)
        require_few_levels(variant, shared.eval()(states))
        require(torch.equal(shared(states), alone.eval()(states)), f"{variant}: {_OTHER_STATE}")


def _offering(
    subject: Subject, kind: Any, layer: Callable[[], nn.Module], methods: str
) -> Iterator[tuple[Variant, nn.Module, Any]]:
    """Each variant whose quantizer is of a kind, with that layer quantized and its quantizer; CheckSkipped if none."""
    offered = False
    for variant in variants(subject):
        model = variant.quantize(layer())
        quantizer = next(iter(quantizers(model).values()))
        if isinstance(quantizer, kind):
            offered = True
            yield variant, model, quantizer
    if not offered:
        raise CheckSkipped(f"it offers no {methods}")


def _state(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def _same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


CHECKS: dict[str, Check] = {"calibrate": calibrate, "joint": joint, "refits": refits}
