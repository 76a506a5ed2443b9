"""The engines that run a network, one entry each; whatever asks of an engine reads `ENGINES`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from snnbench.errors import OptionError

if TYPE_CHECKING:
    from torch import nn

EngineName = Literal["eager", "compiled", "integer"]
EngineChoice = Literal["auto", EngineName]
M = TypeVar("M", bound="nn.Module")

# Building the kernels takes a quarter of a minute, once a machine; fewer forwards of an image through a step end before
# it pays.
WORTH_COMPILING = 20_000


@dataclass(frozen=True)
class Engine:
    """A way to run a network.

    Attributes:
        name: as records and options have it.
        form: what it makes of a network: another form with the same parameters, or the network itself.
        why_not: why it cannot be had on this machine, in one line; None if it can.
        exact: whether its evaluation in float32 gives the spikes of plain PyTorch to the bit. Results of those that do
            may stand for each other.
        trains: whether its form can be trained.
        devices: the types of device that it runs on; none for all that PyTorch has.
    """

    name: EngineName
    form: Callable[[nn.Module], nn.Module]
    why_not: Callable[[], str | None]
    exact: bool
    trains: bool
    devices: tuple[str, ...]

    def runs_on(self, device: str) -> bool:
        """Whether it runs on `device`, as PyTorch names it (``cuda:1``)."""
        return not self.devices or device.split(":", maxsplit=1)[0] in self.devices


def _optimized(model: nn.Module) -> nn.Module:
    from snnbench.nn.compiled import optimize

    return optimize(model)


def _in_integers(model: nn.Module) -> nn.Module:
    from snnbench.quant.integer import integer_form

    return integer_form(model)


def _no_kernels() -> str | None:
    from snnbench.nn.compiled import why_not_compiled

    return why_not_compiled()


EAGER = Engine("eager", lambda model: model, lambda: None, exact=True, trains=True, devices=())
COMPILED = Engine("compiled", _optimized, _no_kernels, exact=True, trains=True, devices=("cpu",))
INTEGER = Engine("integer", _in_integers, _no_kernels, exact=False, trains=False, devices=("cpu",))
ENGINES: dict[EngineName, Engine] = {engine.name: engine for engine in (EAGER, COMPILED, INTEGER)}


def choose_engine(choice: EngineChoice, image_steps: int, device: str = "cpu") -> EngineName:
    """The engine that runs on `device`: ``auto`` compiles where the kernels can be built and the work pays for it.

    The work is the number of images times time steps. What does not run on the device leaves it to plain PyTorch.
    """
    if choice == "auto":
        pays = image_steps >= WORTH_COMPILING and COMPILED.runs_on(device) and COMPILED.why_not() is None
        return COMPILED.name if pays else EAGER.name
    return choice if ENGINES[choice].runs_on(device) else EAGER.name


def check_engine(choice: EngineChoice, device: str) -> None:
    """Refuse an engine that cannot be had on this machine, or does not run on `device`.

    Raises:
        OptionError: saying why.
    """
    if choice == "auto":
        return
    engine = ENGINES[choice]
    elsewhere = None if engine.runs_on(device) else f"it runs on {', '.join(engine.devices)}, not on {device}"
    if reason := elsewhere or engine.why_not():
        raise OptionError(f"--engine {choice} cannot be used: {reason}; use --engine {EAGER.name}")


def check_device(device: str) -> None:
    """Refuse a device that there is not.

    Raises:
        OptionError: saying what PyTorch says of it.
    """
    import torch

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise OptionError(f"--device '{device}' cannot be used: {str(error).splitlines()[0]}") from error


def training_engine_of(name: EngineName) -> EngineName:
    """The engine that trains what `name` evaluates."""
    return name if ENGINES[name].trains else COMPILED.name


def engine_form(model: M, name: EngineName) -> M:
    """`model` itself, or its fast form, which shares its parameters.

    Raises:
        OptionError: if the kernels of the compiled engine cannot be built.
    """
    from snnbench.nn.compiled import keep_memory

    keep_memory()
    return ENGINES[name].form(model)  # type: ignore[return-value]
