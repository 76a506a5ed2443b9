"""The NIR readers of other libraries: a file, images and T in, the spikes (T, N, *features) of the last layer out.

Imports no part of snnbench, so that it also runs where the library has an environment of its own::

    python nir_readers.py LIBRARY FOLDER T DT

reads each NAME.nir of a folder, shows NAME.npy to it, and writes the spikes to NAME.spikes.npy, or the error to
NAME.error.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nir
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def spikingjelly(file: str, images: Tensor, timesteps: int, dt: float) -> Tensor:
    from spikingjelly.activation_based.nir_exchange import import_from_nir

    network = import_from_nir(file, dt=dt, step_mode="m")
    spikes: Tensor = network(images.expand(timesteps, *images.shape))[0]
    return spikes


def snntorch(file: str, images: Tensor, timesteps: int, dt: float) -> Tensor:
    from snntorch.import_nir import import_from_nir

    assert dt == 1e-4  # written into its reader
    return _step_by_step(import_from_nir(nir.read(file)), images, timesteps)


def norse(file: str, images: Tensor, timesteps: int, dt: float) -> Tensor:
    from norse.torch.utils.import_nir import from_nir

    return _step_by_step(from_nir(nir.read(file), dt=dt), images, timesteps)


def snn_mlir(file: str, images: Tensor, timesteps: int, dt: float) -> Tensor:
    """Its compiler is no part of its package: the layers that it reads, each run as its compiler's operation does."""
    from snn_mlir import parse_graph

    layers = list(parse_graph(file))
    states, spikes = [torch.zeros(()) for _ in layers], []
    for _ in range(timesteps):
        x = images
        for number, layer in enumerate(layers):
            x, states[number] = _operation(layer, x, states[number])
        spikes.append(x)
    return torch.stack(spikes)


def _operation(layer: Any, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    kind = type(layer).__name__.removesuffix("Info")
    if kind == "LIF":
        state = layer.decay * state + x
        fired = state > layer.threshold
        return fired.float(), state.masked_fill(fired, layer.v_reset)
    if kind == "Flatten":
        return x.reshape(len(x), *layer.out_shape), state
    if kind == "AvgPool2d":
        return functional.avg_pool2d(x, layer.kernel, layer.stride, layer.padding), state
    weight, bias = torch.from_numpy(layer.weights), None if layer.bias is None else torch.from_numpy(layer.bias)
    if kind == "Linear":
        return functional.linear(x, weight, bias), state
    convolve = {"Conv": functional.conv2d, "Conv1d": functional.conv1d}[kind]
    return convolve(x, weight, bias, layer.stride, layer.padding), state


def sinabs(file: str, images: Tensor, timesteps: int, dt: float) -> Tensor:
    from sinabs.nir import from_nir

    network: Any = from_nir(nir.read(file), num_timesteps=timesteps)
    batch_first = images.repeat_interleave(timesteps, 0)  # (N * T, ...), the steps of an image together
    spikes: Tensor = network(batch_first)[0]
    return spikes.unflatten(0, (len(images), timesteps)).transpose(0, 1)


def rockpool(file: str, images: Tensor, timesteps: int, dt: float) -> Tensor:
    from rockpool.nn.modules.torch.nir import from_nir

    network: Any = from_nir(Path(file))
    spikes: Tensor = network(images.unsqueeze(1).expand(-1, timesteps, *images.shape[1:]))[0]
    return spikes.transpose(0, 1)


def _step_by_step(network: Any, images: Tensor, timesteps: int) -> Tensor:
    state, spikes = None, []
    for _ in range(timesteps):
        output, state = network(images, state)
        spikes.append(output)
    return torch.stack(spikes)


READERS: dict[str, Callable[[str, Tensor, int, float], Tensor]] = {
    read.__name__.replace("_", "-"): read for read in (spikingjelly, snntorch, norse, snn_mlir, sinabs, rockpool)
}


def read(library: str, file: str, images: Tensor, timesteps: int, dt: float) -> Tensor:
    """The spikes of a library, whose own warnings are its own."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        return READERS[library](file, images, timesteps, dt).detach()


if __name__ == "__main__":
    library, folder, timesteps, dt = sys.argv[1:]
    for file in sorted(Path(folder).glob("*.nir")):
        images = torch.from_numpy(np.load(file.with_suffix(".npy")))
        try:
            spikes = read(library, str(file), images, int(timesteps), float(dt))
        except Exception as error:  # noqa: BLE001 - that it refuses the file is an answer
            file.with_suffix(".error").write_text(f"{type(error).__name__}: {error}")
        else:
            np.save(file.with_suffix(".spikes.npy"), spikes.numpy())
