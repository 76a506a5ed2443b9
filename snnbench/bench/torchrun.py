"""Several processes on one cell, started by torchrun: the first leads, all of them run a share of every evaluation.

Shares are whole batches, and start at multiples of the number of shards, so that every image is in the batch and in the
shard in which one process would have it: logits and counts are the same, bit for bit. What is exchanged (weights,
counts and logits, once an evaluation) lies in main memory and goes through gloo, wherever the networks run.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import load, save
from torch import Tensor, nn

from snnbench.functional.costs import Operations
from snnbench.functional.profile import SHARDS
from snnbench.records.cell import Cell
from snnbench.records.evaluation import BY_IMAGE, Evaluation

# Helpers wait while the leader fine-tunes, which may take days.
_PATIENCE = timedelta(days=30)


@dataclass(frozen=True)
class Order:
    """A network to run: of which cell (None: the reference), and its weights."""

    cell: Cell | None
    weights: dict[str, Tensor]


def join() -> None:
    """Meet the other processes of torchrun, if there are any."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized():
        dist.init_process_group("gloo", timeout=_PATIENCE)


def is_alone() -> bool:
    """Whether this process runs everything itself."""
    return not dist.is_initialized()


def helps() -> bool:
    """Whether this process takes orders from another."""
    return not is_alone() and dist.get_rank() > 0


def send_order(model: nn.Module, cell: Cell | None) -> None:
    """Tell the helpers to run their share of `model`."""
    if not is_alone():
        weights = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
        _broadcast((cell.model_dump_json() if cell else None, save(weights)))


def receive_order() -> Order | None:
    """What the leader wants run; None when there is nothing more."""
    order = _broadcast(None)
    if order is None:
        return None
    cell, weights = order
    return Order(Cell.model_validate_json(cell) if cell else None, load(weights))


def help_out(run: Callable[[Order], object]) -> None:
    """Run the leader's orders until there are no more."""
    while (order := receive_order()) is not None:
        run(order)
    leave()


def dismiss() -> None:
    """Send the helpers home."""
    if not is_alone():
        _broadcast(None)
        leave()


def leave() -> None:
    """Part from the other processes."""
    dist.destroy_process_group()


def share(count: int, batch_size: int, first_at_least: int = 0) -> slice:
    """The images, of `count`, that this process runs; those of the first are at least `first_at_least`."""
    if is_alone():
        return slice(0, count)
    rank, step = dist.get_rank(), math.lcm(batch_size, SHARDS)
    units = math.ceil(count / step)
    first = min(units, max(math.ceil(units / dist.get_world_size()), math.ceil(first_at_least / step)))
    if rank == 0:
        return slice(0, first * step)
    rest = math.ceil((units - first) / (dist.get_world_size() - 1))
    start = first + (rank - 1) * rest
    return slice(start * step, (start + rest) * step)


def merge(mine: Evaluation | None) -> Evaluation | None:
    """On the leader the evaluation of all images, from everyone's share (None: it was empty); None on helpers."""
    if is_alone():
        return mine
    parts: list[Any] = [None] * dist.get_world_size()
    dist.gather_object(mine.to_bytes() if mine else None, None if helps() else parts)
    return None if helps() else _sum([Evaluation.from_bytes(part) for part in parts if part is not None])


def _sum(parts: list[Evaluation]) -> Evaluation:
    profile, operations = parts[0].profile, parts[0].operations
    for part in parts[1:]:
        profile = profile + part.profile
        layers = {name: counts + part.operations.layers[name] for name, counts in operations.layers.items()}
        operations = Operations(layers, operations.samples + part.operations.samples)
    logits, steps, events = ([getattr(part, name) for part in parts] for name in BY_IMAGE)
    joined = None if None in events else {name: torch.cat([each[name] for each in events], 1) for name in events[0]}
    by_step = None if any(each is None for each in steps) else torch.cat(steps)
    return Evaluation(torch.cat(logits), profile, operations, by_step, joined)


def _broadcast(order: object) -> Any:
    box = [order]
    dist.broadcast_object_list(box, src=0)
    return box[0]
