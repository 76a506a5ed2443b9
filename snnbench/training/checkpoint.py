"""Checkpoints of a training: safetensors only, replaced atomically after every epoch."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from snnbench.errors import ProtocolError
from snnbench.files import write_atomically
from snnbench.training.trainer import Trainer, TrainingProgress

_MOMENTUM = "momentum_buffer"


def save_checkpoint(path: Path, trainer: Trainer, recipe: str) -> None:
    """Write model, momentum and progress of `trainer`; `recipe` is what a resumed training must agree with."""
    tensors = {f"model/{name}": value.contiguous() for name, value in trainer.model.state_dict().items()}
    tensors |= {f"momentum/{name}": value.contiguous() for name, value in _momentum(trainer).items()}
    progress = asdict(trainer.progress)
    metadata = {"recipe": recipe, "seed": str(trainer.seed), "progress": json.dumps(progress)}
    write_atomically(path, [save(tensors, metadata)])


def load_checkpoint(path: Path, trainer: Trainer, recipe: str) -> None:
    """Put `trainer` where the checkpoint was written.

    Raises:
        ProtocolError: if the checkpoint is damaged, or of another recipe or seed.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ProtocolError(f"checkpoint '{path}' is damaged ({error}); delete it to start again") from error
    if (metadata.get("recipe"), metadata.get("seed")) != (recipe, str(trainer.seed)):
        raise ProtocolError(f"checkpoint '{path}' is of another recipe or seed; delete it to start again")
    trainer.model.load_state_dict(_part(tensors, "model/"))
    _restore_momentum(trainer, _part(tensors, "momentum/"))
    trainer.progress = TrainingProgress(**json.loads(metadata["progress"]))


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _momentum(trainer: Trainer) -> dict[str, Tensor]:
    state = trainer.optimizer.state
    return {n: state[p][_MOMENTUM] for n, p in trainer.model.named_parameters() if _MOMENTUM in state.get(p, {})}


def _restore_momentum(trainer: Trainer, buffers: dict[str, Tensor]) -> None:
    parameters = dict(trainer.model.named_parameters())
    for name, buffer in buffers.items():
        restored = torch.empty_like(parameters[name])
        restored.copy_(buffer)
        trainer.optimizer.state[parameters[name]][_MOMENTUM] = restored
