"""Which engine runs a network: eager PyTorch, or compiled where a C++ compiler is at hand."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from snnbench.errors import OptionError

Engine = Literal["auto", "eager", "compiled"]

# Compiling takes about a minute a network; forwards through fewer image-steps than this end before it pays.
WORTH_COMPILING = 1_000_000


@functools.cache
def cpp_compiler() -> str | None:
    """Path of the C++ compiler that torch.compile would use, or None."""
    chosen = os.environ.get("CXX")
    return shutil.which(chosen) if chosen else shutil.which("g++") or shutil.which("clang++")


def choose_engine(engine: Engine, image_steps: int) -> Literal["eager", "compiled"]:
    """Resolve ``auto``: compiled where there is a compiler and the work (images times time steps) pays for it.

    Raises:
        OptionError: if ``compiled`` is asked for and there is no C++ compiler.
    """
    if engine == "compiled" and cpp_compiler() is None:
        raise OptionError(
            "--engine compiled needs a C++ compiler (g++ or clang++), and none was found; use --engine eager"
        )
    if engine == "auto":
        return "compiled" if cpp_compiler() and image_steps >= WORTH_COMPILING else "eager"
    return engine


def forward_of(model: nn.Module, engine: Literal["eager", "compiled"]) -> Callable[[Tensor], Tensor]:
    """The callable that runs `model`: itself, or a compiled form that shares its parameters."""
    compiled: Callable[[Tensor], Tensor] = torch.compile(model) if engine == "compiled" else model
    return compiled
