"""Running a network of any library as a classifier: images in, logits out, nothing kept from call to call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from snnbench.errors import FiringError
from snnbench.nn.libraries import StepMode, reset_states, step_mode
from snnbench.nn.sew_resnet import DirectlyEncoded

Loop = Callable[[Callable[..., Any], Tensor], Any]
"""`loop(network, images)`: calls `network`, the model's forward, as often as it takes, and gives its outputs."""


class Classifier:
    """What stands in for a model's forward: states are reset, the steps are run, and the outputs become logits.

    Args:
        model: the network.
        timesteps: T, where the images must be shown T times: a single-step network is called T times, others get a
            time dimension where their library has it. None: the network runs its own steps, as those that ship do.
        loop: a loop over the steps of one's own, in place of `timesteps`.

    Raises:
        FiringError: for both, or another T than that of a network that ships.

    Attributes:
        step_logits: outputs at each step of the last call, `(T, N, classes)`; None if the model gave no steps.
    """

    def __init__(self, model: nn.Module, timesteps: int | None, loop: Loop | None) -> None:
        if timesteps is not None and loop is not None:
            raise FiringError("timesteps and loop are two ways to run the steps; give one of them")
        self._model, self._forward = model, model.forward
        self._timesteps, self._loop = _left_to_caller(model, timesteps), loop
        self._time_first: bool | None = None
        self.step_logits: Tensor | None = None

    def __call__(self, images: Any) -> Tensor:
        """Logits `(N, classes)` of a batch."""
        reset_states(self._model)
        mode = time_layout(self._model)
        plain = images.contiguous() if isinstance(images, Tensor) else images
        output = self._run(plain, mode)
        while isinstance(output, (tuple, list)):
            output = output[0]
        if not isinstance(output, Tensor):
            raise FiringError(f"{type(self._model).__name__} gave a {type(output).__name__}; a tensor comes first")
        self.step_logits = self._steps_of(output, len(images), mode)
        return output if self.step_logits is None else self.step_logits.mean(0)

    def _run(self, images: Tensor, mode: StepMode) -> Any:
        if self._loop is not None:
            return self._loop(self._forward, images)
        if self._timesteps is None:
            return self._forward(images)
        if mode == "single":
            return _stacked([self._forward(images) for _ in range(self._timesteps)])
        return self._forward(over_time(images, self._timesteps, mode))

    def _steps_of(self, output: Tensor, samples: int, mode: StepMode) -> Tensor | None:
        """Outputs as (T, N, classes), or None where they are logits (N, classes)."""
        if mode == "flat" and output.ndim == 2 and len(output) > samples and len(output) % samples == 0:
            return output.reshape(samples, -1, output.shape[1]).transpose(0, 1)
        if output.ndim == 2 and len(output) == samples:
            return None
        if output.ndim == 3 and samples in output.shape[:2]:
            return output if self._has_time_first(output.shape, samples, mode) else output.transpose(0, 1)
        raise FiringError(
            f"outputs of shape {tuple(output.shape)} for {samples} samples are not logits (N, classes), nor (T, N, "
            "classes) at each step; pass loop=, a function of the network and the images that returns one of them"
        )

    def _has_time_first(self, shape: torch.Size, samples: int, mode: StepMode) -> bool:
        """Whether outputs (T, N, classes) or (N, T, classes) are the first; as many samples as steps tell nothing."""
        if shape[0] == shape[1] and self._time_first is not None:
            return self._time_first
        found = mode != "batch_first" if shape[0] == shape[1] else shape[1] == samples
        if self._time_first not in (None, found):
            raise FiringError(
                f"outputs of shape {tuple(shape)} for {samples} samples: an earlier batch had as many samples as steps "
                "and was taken for (T, N, classes) or (N, T, classes), which it was not; take batches of another size"
            )
        self._time_first = found
        return found


def _left_to_caller(model: nn.Module, timesteps: int | None) -> int | None:
    """T as given, or None where the network shows itself the images so often."""
    if timesteps is None or not isinstance(model, DirectlyEncoded):
        return timesteps
    if timesteps != model.timesteps:
        raise FiringError(
            f"the network shows itself each image {model.timesteps} times, not timesteps={timesteps}; set its attribute"
            " timesteps instead"
        )
    return None


def time_layout(model: nn.Module) -> StepMode:
    """How the first spiking layer of `model` steps; ``single`` if it has none that is known."""
    return next((mode for module in model.modules() if (mode := step_mode(module))), "single")


def over_time(images: Tensor, timesteps: int, mode: StepMode) -> Tensor:
    """The same images at every step, with time where a network of that layout has it."""
    if mode == "flat":
        return images.repeat_interleave(timesteps, 0)
    repeats = [1] * images.ndim
    return images.unsqueeze(0).repeat(timesteps, *repeats) if mode == "multi" else _batch_first(images, timesteps)


@contextmanager
def as_classifier(model: nn.Module, timesteps: int | None = None, loop: Loop | None = None) -> Iterator[Classifier]:
    """Inside the block, `model(images)` gives logits `(N, classes)` and keeps no state; see `Classifier`."""
    before = vars(model).get("forward")
    classifier = install(model, timesteps, loop)
    try:
        yield classifier
    finally:
        del model.forward
        if before is not None:
            model.forward = before


def install(model: nn.Module, timesteps: int | None = None, loop: Loop | None = None) -> Classifier:
    """`as_classifier` for good."""
    classifier = Classifier(model, timesteps, loop)
    model.forward = classifier
    return classifier


def _stacked(outputs: list[Any]) -> Tensor:
    firsts = [output[0] if isinstance(output, (tuple, list)) else output for output in outputs]
    return torch.stack(firsts)


def _batch_first(images: Tensor, timesteps: int) -> Tensor:
    return images.unsqueeze(1).repeat(1, timesteps, *[1] * (images.ndim - 1))
