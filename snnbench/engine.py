"""Which engine runs a network: eager PyTorch, or the compiled kernels where they can be built."""

from __future__ import annotations

from typing import Literal, TypeVar

from torch import nn

from snnbench.errors import OptionError
from snnbench.nn import optimize
from snnbench.nn.compiled import keep_memory, why_not_compiled
from snnbench.quant.integer import integer_form

Engine = Literal["auto", "eager", "compiled", "integer"]
Chosen = Literal["eager", "compiled", "integer"]
M = TypeVar("M", bound=nn.Module)

# Building the kernels takes some seconds, once a machine; fewer forwards of an image through a step end before it pays.
WORTH_COMPILING = 20_000


def choose_engine(engine: Engine, image_steps: int) -> Chosen:
    """Resolve ``auto``: compiled where the kernels can be built and the work (images times time steps) pays for it."""
    if engine == "auto":
        return "compiled" if image_steps >= WORTH_COMPILING and why_not_compiled() is None else "eager"
    return engine


def check_engine(engine: Engine) -> None:
    """Refuse the compiled engine where it cannot be built.

    Raises:
        OptionError: saying why.
    """
    if engine in ("compiled", "integer") and (reason := why_not_compiled()):
        raise OptionError(f"--engine {engine} cannot be used: {reason}; use --engine eager")


def engine_form(model: M, engine: Chosen) -> M:
    """`model` itself, or its fast form, which shares its parameters.

    Raises:
        OptionError: if the kernels of the compiled engine cannot be built.
    """
    keep_memory()
    if engine == "eager":
        return model
    return integer_form(model) if engine == "integer" else optimize(model)
