"""Whether what evidence keeps of each image is that of the predictions and the counts beside it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from snnbench.functional import FiringProfile

OUTPUTS = ("logits", "step_logits")
_SLACK = 1e-4  # a mean over steps is summed in another order than the network's


def check_outputs(outputs: Mapping[str, Tensor], predictions: Tensor, timesteps: int) -> None:
    """Refuse outputs `(N, classes)` or `(N, T, classes)` that are no numbers, or give other predictions `(N,)`.

    Raises:
        ValueError: naming them.
    """
    for name, tensor in outputs.items():
        lead = (len(predictions),) if name == "logits" else (len(predictions), timesteps)
        if tensor.dtype != torch.float32 or tensor.shape[:-1] != lead:
            raise ValueError(f"{name} of type {tensor.dtype} and shape {tuple(tensor.shape)} for {lead}")
        final = tensor.double() if name == "logits" else tensor.double().mean(1)
        if int(predictions.min()) < 0 or int(predictions.max()) >= final.shape[1]:
            raise ValueError(f"predictions lie outside the {final.shape[1]} classes of the {name}")
        chosen, most = final.gather(1, predictions[:, None])[:, 0], final.amax(1)
        if (chosen < most - _SLACK * (1 + most.abs())).any():
            raise ValueError(f"predictions are not the largest {name}")


def check_events(events: Mapping[str, Tensor], profile: FiringProfile) -> None:
    """Refuse spikes of each image, layer -> `(T, N)`, that do not add up to those of the layer at each step.

    Raises:
        ValueError: naming the layer.
    """
    if set(events) != set(profile.layers):
        raise ValueError(f"spikes of each image are those of {sorted(events)}, counts of {sorted(profile.layers)}")
    for name, total in profile.step_counts().items():
        if events[name].shape != (len(total), profile.samples) or (events[name] < 0).any():
            raise ValueError(f"spikes of each image of layer '{name}' have shape {tuple(events[name].shape)}")
        if not torch.equal(events[name].sum(1), total):
            raise ValueError(f"spikes of each image of layer '{name}' do not add up to those of each step")


def check_pairs(pairs: Mapping[str, Tensor], profile: FiringProfile) -> None:
    """Refuse distances, latencies and potentials of `Evaluation` that no two networks can have.

    Raises:
        ValueError: naming them.
    """
    forms = {
        "distances": (torch.float32, (profile.samples,)),
        "latencies": (torch.int64, (profile.samples, 2)),
        "potentials": (torch.float32, (len(pairs.get("potentials", ())), 2)),
    }
    for name, tensor in pairs.items():
        if (tensor.dtype, tuple(tensor.shape)) != forms[name] or not tensor.isfinite().all():
            raise ValueError(f"{name} of type {tensor.dtype} and shape {tuple(tensor.shape)} are not {forms[name]}")
    if "distances" in pairs and (pairs["distances"] < 0).any():
        raise ValueError("distances lie below 0")
    if "latencies" in pairs:
        shift, both = pairs["latencies"].unbind(1)
        neurons = sum(layer.neurons for layer in profile.layers.values())
        if (both < 0).any() or (both > neurons).any() or (shift.abs() > (profile.timesteps - 1) * both).any():
            raise ValueError("latencies are of more neurons or steps than there are")
    if "potentials" in pairs and (pairs["potentials"][:, 0] > pairs["potentials"][:, 1]).any():
        raise ValueError("a lowest potential lies above the highest")
