"""Running a plugin's code so that its errors, and what it does to global state, stay its own."""

from __future__ import annotations

import random
import sys
import traceback
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from snnbench.errors import SnnbenchError
from snnbench.plugins.source import Fault, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True)
class _Watch:
    """A piece of global state, read as a value that compares; looked at only once its module has been imported."""

    what: str
    module: str
    read: Callable[[Any], Any]
    write: Callable[[Any, Any], object]


def _numpy_state(numpy: Any) -> tuple[Any, ...]:
    algorithm, words, *rest = numpy.random.get_state()
    return algorithm, words.tolist(), *rest


_WATCHES = (
    _Watch("Python's random state", "random", lambda _: random.getstate(), lambda _, state: random.setstate(state)),
    _Watch("NumPy's random state", "numpy", _numpy_state, lambda numpy, state: numpy.random.set_state(state)),
    _Watch(
        "torch's random state",
        "torch",
        lambda torch: torch.get_rng_state().tolist(),
        lambda torch, state: torch.set_rng_state(torch.tensor(state, dtype=torch.uint8)),
    ),
    _Watch(
        "torch's default dtype",
        "torch",
        lambda torch: torch.get_default_dtype(),
        lambda torch, dtype: torch.set_default_dtype(dtype),
    ),
    _Watch(
        "torch's gradient mode",
        "torch",
        lambda torch: torch.is_grad_enabled(),
        lambda torch, enabled: torch.set_grad_enabled(enabled),
    ),
)


@contextmanager
def isolated(source: Source, faults: list[Fault]) -> Iterator[None]:
    """Run code of ``source``; whatever it raises, or changes for everybody, is put right and noted in ``faults``.

    What it prints goes to stderr, since stdout belongs to the command's own output.
    """
    before = [(watch, watch.read(sys.modules[watch.module])) for watch in _WATCHES if watch.module in sys.modules]
    try:
        with redirect_stdout(sys.stderr):
            yield
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001  (plugins exit, skip and panic through it as well)
        faults.append(Fault(source, one_line(error), "".join(traceback.format_exception(error))))
    finally:
        changed = [watch.what for watch, state in before if _put_back(watch, state)]
    if changed:
        faults.append(Fault(source, f"changes {', '.join(changed)} when it loads; it was put back", fatal=False))


def _put_back(watch: _Watch, state: Any) -> bool:
    module = sys.modules[watch.module]
    changed: bool = watch.read(module) != state
    if changed:
        watch.write(module, state)
    return changed


def one_line(error: BaseException) -> str:
    """The error's type and the first line of its message; of the project's own errors the message alone."""
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    if isinstance(error, SnnbenchError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
