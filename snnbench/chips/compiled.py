"""A network of whole numbers run by its own C: the same numbers, image by image, where there is a C compiler."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from snnbench.chips.c_source import as_map, c_files, maps_of
from snnbench.chips.network import IntegerNetwork
from snnbench.errors import OptionError
from snnbench.folders import cache_root
from snnbench.native import processor_text

FLAGS = ("-std=c11", "-O3", "-march=native", "-fPIC", "-shared")
BUILD_SECONDS = 300
_PROBE = """
const uint8_t *layer_spikes(int layer) { return layers[layer].spikes; }
"""


def c_compiler() -> str | None:
    """Path of the C compiler: ``CC`` if that is set, else cc, gcc or clang; None if there is none."""
    chosen = os.environ.get("CC")
    return shutil.which(chosen) if chosen else shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


class CompiledNetwork(IntegerNetwork):
    """The network `put` in C, built for this processor; for images of one shape.

    Raises:
        OptionError: if there is no C compiler, or it cannot build the network.
    """

    def __init__(self, put: IntegerNetwork, input_shape: tuple[int, ...]) -> None:
        super().__init__(put.chip, put.layers, put.readout, put.timesteps)
        table = torch.zeros(as_map(input_shape)[0], 256, dtype=torch.int64)
        files = c_files(put, input_shape, table)
        self._library = load_c({**files, "network.c": files["network.c"] + _PROBE}, ("snn.c", "network.c"))
        self._library.layer_spikes.restype = ctypes.c_void_p
        maps = maps_of(put, input_shape)
        self._maps = [maps[layer.name] for layer in self.layers]
        self._over = (ctypes.c_uint64 * len(self.layers)).in_dll(self._library, "overflows")
        codes = self.readout.codes
        self._classes = len(codes) if codes is not None else self._maps[-1][0]

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) int64 of normalised `images` (N, *shape)."""
        entering = self.enter(images).to(torch.int16).contiguous(memory_format=torch.contiguous_format).numpy()
        logits = np.empty((len(images), self._classes), np.int64)
        sizes = [(len(images), self.timesteps, h, w, c) for c, h, w in self._maps]
        spikes = [np.empty(size, np.uint8) for size in sizes] if self.watch else []
        over = torch.zeros(len(images), len(self.layers), dtype=torch.int64)
        for n, image in enumerate(entering):
            before = torch.tensor(list(self._over))
            self._library.run(_pointer(image), _pointer(logits[n]))
            over[n] = torch.tensor(list(self._over)) - before
            for number, into in enumerate(spikes):
                ctypes.memmove(into[n].ctypes.data, self._library.layer_spikes(number), into[n].nbytes)
        self._tell(spikes)
        for layer, counts in zip(self.layers, over.T, strict=True):
            self._overflowed(layer.name, counts)
        return torch.from_numpy(logits)

    def _tell(self, spikes: list[Any]) -> None:
        for layer, fired in zip(self.layers, spikes, strict=False):
            steps = torch.from_numpy(fired).movedim(4, 2).transpose(0, 1)
            assert self.watch is not None
            self.watch(layer.name, steps.flatten(2) if layer.synapses.codes.ndim == 2 else steps)


def _pointer(array: Any) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def load_c(files: dict[str, str], sources: tuple[str, ...]) -> ctypes.CDLL:
    """The library that some `sources` among C `files` make, built for this processor once and kept in the cache.

    Raises:
        OptionError: if there is no C compiler, or it cannot build them.
    """
    compiler = c_compiler()
    if compiler is None:
        raise OptionError("a C compiler (cc, gcc or clang) is needed, and none was found")
    text = "\0".join((compiler, *FLAGS, processor_text(), *sources, *files.values()))
    path = cache_root() / "chips" / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.so"
    try:
        if not path.exists():
            _build(compiler, files, sources, path)
        return ctypes.CDLL(str(path))
    except (OSError, subprocess.SubprocessError) as error:
        raise OptionError(f"the network cannot be built in '{path.parent}': {error}") from error


def _build(compiler: str, files: dict[str, str], sources: tuple[str, ...], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        for name, content in files.items():
            (Path(folder) / name).write_text(content, "utf-8")
        command = [compiler, *FLAGS, "-o", path.name, *sources]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
        if done.returncode:
            raise OptionError(f"the network cannot be built: {' '.join(command)}\n{done.stderr.strip()}")
        (Path(folder) / path.name).replace(path)
