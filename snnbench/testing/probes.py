"""What the checks of a quantizer share: reading weights, seeding, and requirements with a message."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from snnbench.quant.audit import distinct_levels, most_levels
from snnbench.testing.outcome import CheckFailed, CheckSkipped
from snnbench.testing.subject import Variant, convolution, images


def require(condition: object, message: str) -> None:
    """CheckFailed with `message` unless `condition`."""
    if not condition:
        raise CheckFailed(message)


def weight_of(model: nn.Module) -> Tensor:
    """The quantized weight in evaluation, without gradient and with the random state seeded."""
    model.eval()
    with torch.no_grad(), seeded():
        return read_weight(model).clone()


def read_weight(model: nn.Module) -> Tensor:
    """The weight of the one layer, as the layer itself reads it."""
    weight: Any = model.get_submodule("0").weight
    return torch.as_tensor(weight)


def original_weight(model: nn.Module) -> Tensor:
    """The full-precision weight behind it."""
    original: Any = model.get_parameter("0.parametrizations.weight.original")
    return torch.as_tensor(original)


def trained(variant: Variant) -> nn.Module:
    """A quantized convolution after two steps of training, so that what it learns has moved."""
    model = variant.quantize(convolution()).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for seed in (1, 2):
        optimizer.zero_grad()
        model(images(seed)).square().mean().backward()
        optimizer.step()
    return model


def accelerator() -> torch.device:
    """The machine's GPU or the like, or its CPU if there is none."""
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return found or torch.device("cpu")


def require_alike(variant: Variant, tensor: Tensor, found: Tensor) -> None:
    """CheckFailed unless `found` is a tensor of the shape, dtype and device of `tensor`."""
    if not isinstance(found, Tensor):
        raise CheckFailed(f"{variant}: {told(tensor)} comes back as a {type(found).__name__}")
    ways = {"shape": f"with shape {tuple(found.shape)}", "dtype": f"as {found.dtype}", "device": f"on {found.device}"}
    for name, way in ways.items():
        if getattr(found, name) != getattr(tensor, name):
            raise CheckFailed(f"{variant}: {told(tensor)} comes back {way}")


def require_finite(variant: Variant, tensor: Tensor, found: Tensor) -> None:
    """CheckFailed unless all of `found` is finite."""
    require(bool(found.isfinite().all()), f"{variant}: {told(tensor)} comes back with values that are not finite")


def require_few_levels(variant: Variant, weight: Tensor) -> None:
    """CheckFailed if a channel of `weight` has more levels than the bits allow."""
    count, allowed = most_levels(weight), 2**variant.bits
    rounded = "; they are rounded apart: return snnbench.quant.straight_through(q, w), not w + (q - w).detach()"
    why = rounded if distinct_levels(weight) <= allowed else ""
    require(count <= allowed, f"{variant}: a channel has {count} levels; {allowed} are allowed{why}")


def told(tensor: Tensor) -> str:
    """A tensor in words."""
    constant = f"constant {float(tensor.flatten()[0]):g} " if bool((tensor == tensor.flatten()[0]).all()) else ""
    return f"a {constant}{tensor.dtype} tensor of shape {tuple(tensor.shape)}"


def equal_but_nan(value: Tensor, other: Tensor) -> bool:
    """Whether two tensors are equal, NaN being equal to NaN."""
    return bool(torch.equal(value.nan_to_num(), other.nan_to_num()))


def addresses(model: nn.Module) -> set[int]:
    """Where the parameters and buffers lie in memory."""
    return {tensor.data_ptr() for tensor in (*model.parameters(), *model.buffers()) if tensor.numel()}


@contextmanager
def seeded(seed: int = 0) -> Iterator[None]:
    """Seed the CPU's global random state, and put it back afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


@contextmanager
def compiling() -> Iterator[None]:
    """Quietly, since a break of the graph costs time and is not wrong; and with nothing compiled left behind."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
        torch.compiler.reset()


_LAST_GROUP: list[Any] = []


@contextmanager
def process_group() -> Iterator[None]:
    """A process group of this process alone, unless there is one already."""
    from torch import distributed as dist

    if not dist.is_available():
        raise CheckSkipped("this build of PyTorch has no torch.distributed")
    if dist.is_initialized():
        yield
        return
    store = dist.HashStore()  # type: ignore[attr-defined]
    dist.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        yield
    finally:
        # A DistributedDataParallel in the traceback of a failed check may outlive this, and to be the last owner of the
        # group it would wait, with Python's lock, for threads that need that lock to end.
        _LAST_GROUP[:] = [dist.group.WORLD]
        dist.destroy_process_group()
