"""The kernels of the compiled engine, and why there are none where they cannot be built."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

from snnbench.errors import OptionError
from snnbench.native import native_library

SOURCE = Path(__file__).parent / "kernels" / "kernels.cpp"


@functools.cache
def why_not_compiled() -> str | None:
    """Why the kernels cannot be used on this machine, in one line; None if they can."""
    try:
        kernels()
    except OptionError as error:
        return str(error)
    return None


def kernels() -> ctypes.CDLL:
    """The kernels, built on first use (a quarter of a minute) and kept in the cache.

    Raises:
        OptionError: if there is no C++ compiler, or it cannot build or load them.
    """
    return native_library(SOURCE)


def neuron_kernels(quantized: bool) -> ctypes.CDLL:
    """The kernels of neurons, whose potentials are `quantized` (as long to build again) or not; errors as `kernels`."""
    return native_library(SOURCE.with_name("membranes.cpp")) if quantized else kernels()
