"""Running a plugin's code so that its errors, and what it does to global state, stay its own."""

from __future__ import annotations

import random
import sys
import traceback
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snnbench.errors import SnnbenchError
from snnbench.plugins.source import PluginFault, PluginSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True)
class _Watch:
    """A piece of global state, read as a value that compares; looked at only once its module has been imported.

    `fresh` reads what it is when its module has just been imported, for code that is the first to import it.
    """

    what: str
    module: str
    read: Callable[[Any], Any]
    write: Callable[[Any, Any], object]
    fresh: Callable[[Any], Any] | None = None


def _folder(_: Any) -> Path | None:
    try:
        return Path.cwd()
    except OSError:
        return None


def _use_device(torch: Any, device: Any) -> None:
    torch.set_default_device(None if device.type == "cpu" else device)  # any device at all slows every call down


def _numpy_state(numpy: Any) -> tuple[Any, ...]:
    algorithm, words, *rest = numpy.random.get_state()
    return algorithm, words.tolist(), *rest


_WATCHES = (
    _Watch("the working folder", "os", _folder, lambda os, folder: folder and os.chdir(folder)),
    _Watch(
        "torch's default device",  # before the others, which make tensors
        "torch",
        lambda torch: torch.get_default_device(),
        _use_device,
        lambda torch: torch.device("cpu"),
    ),
    _Watch(
        "torch's number of threads",
        "torch",
        lambda torch: torch.get_num_threads(),
        lambda torch, threads: torch.set_num_threads(threads),
    ),
    _Watch(
        "torch's deterministic mode",
        "torch",
        lambda torch: torch.are_deterministic_algorithms_enabled(),
        lambda torch, enabled: torch.use_deterministic_algorithms(enabled),
        lambda torch: False,
    ),
    _Watch(
        "torch's precision of products",
        "torch",
        lambda torch: torch.get_float32_matmul_precision(),
        lambda torch, precision: torch.set_float32_matmul_precision(precision),
        lambda torch: "highest",
    ),
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
        lambda torch: torch.float32,
    ),
    _Watch(
        "torch's gradient mode",
        "torch",
        lambda torch: torch.is_grad_enabled(),
        lambda torch, enabled: torch.set_grad_enabled(enabled),
        lambda torch: True,
    ),
)


@contextmanager
def isolated(source: PluginSource, faults: list[PluginFault]) -> Iterator[None]:
    """Run code of ``source``; whatever it raises, or changes for everybody, is put right and noted in ``faults``.

    What it prints goes to stderr, since stdout belongs to the command's own output.
    """
    before = {watch: watch.read(sys.modules[watch.module]) for watch in _WATCHES if watch.module in sys.modules}
    try:
        with redirect_stdout(sys.stderr):
            yield
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001  (plugins exit, skip and panic through it as well)
        faults.append(PluginFault(source, one_line(error), "".join(traceback.format_exception(error))))
    finally:
        before = {watch: state for watch in _WATCHES for state in _state_before(watch, before)}
        changed = [watch.what for watch, state in before.items() if _put_back(watch, state)]
    if changed:
        faults.append(PluginFault(source, f"changes {', '.join(changed)} when it loads; it was put back", fatal=False))


def _state_before(watch: _Watch, before: dict[_Watch, Any]) -> Iterator[Any]:
    if watch in before:
        yield before[watch]
    elif watch.fresh and watch.module in sys.modules:
        yield watch.fresh(sys.modules[watch.module])


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
