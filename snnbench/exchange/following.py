"""The wiring of any network: read from its modules, or noted while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from snnbench.errors import GraphError
from snnbench.exchange.flows import Flow
from snnbench.exchange.network import GraphNetwork
from snnbench.exchange.recorded import Recorder
from snnbench.exchange.wiring import INPUT, Wiring, is_chain, wire
from snnbench.nn.classifier import over_time, time_layout
from snnbench.nn.libraries import reset_states
from snnbench.nn.sew_resnet import DirectlyEncoded
from snnbench.nn.walk import evaluating, first_tensor

_SAMPLES = 2


def follow(model: nn.Module, shape: tuple[int, ...], timesteps: int | None) -> tuple[Wiring, int | None]:
    """The wiring of a network, and T where its forward says it.

    What `wire` cannot follow is run on random samples of that shape: as they are, and `timesteps` times where every
    spiking layer runs one step of them; or with a dimension of time.

    Raises:
        GraphError: if the network does what a graph of NIR cannot say; the message names the layer.
    """
    try:
        return wire(model), None
    except GraphError as error:
        if isinstance(model, DirectlyEncoded | GraphNetwork) or is_chain(model):
            raise
        unfollowed = error
    errors, failed = [], ""
    for images, value in _inputs(model, shape, timesteps):
        try:
            return _run(model, images, value, timesteps or 1)
        except GraphError as error:
            errors.append(error)
        except Exception as error:  # noqa: BLE001 - most networks take inputs of one kind only
            failed = f"; nor does it run on {tuple(images.shape)} ({error})"
    raise errors[0] if errors else GraphError(f"{unfollowed}{failed}")


def _inputs(model: nn.Module, shape: tuple[int, ...], timesteps: int | None) -> Iterator[tuple[Tensor, Flow]]:
    mode = time_layout(model)
    images = torch.rand(_SAMPLES, *shape, generator=torch.Generator().manual_seed(0))
    plain = Flow(((INPUT, None),), shape)
    if mode == "single":
        yield images, plain
    if timesteps is not None:
        layout = "multi" if mode == "single" else mode
        timed = replace(plain, steps=timesteps, order="TN" if layout == "multi" else "NT", split=layout != "flat")
        yield over_time(images, timesteps, layout), timed
    if mode != "single":
        yield images, plain


def _run(model: nn.Module, images: Tensor, value: Flow, timesteps: int) -> tuple[Wiring, int | None]:
    recorder = Recorder(model, _SAMPLES)
    recorder.keep(images, value)
    outputs = []
    with evaluating(model), torch.no_grad(), torch.random.fork_rng(devices=[]):
        reset_states(model)
        try:
            with recorder.watching():
                outputs = [first_tensor(model(images))]
                outside = recorder.is_one_step
                outputs += [first_tensor(model(images)) for _ in range(timesteps - 1) if outside]
        finally:
            reset_states(model)
    steps = recorder.finish(outputs)
    return recorder.wiring, None if outside else steps
