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
    read.__name__: read for read in (spikingjelly, snntorch, norse, sinabs, rockpool)
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
