"""What a plugin does wrong in the middle of a run is told as the plugin's fault, by the name of its distribution."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from snnbench.errors import PluginError, SnnbenchError
from snnbench.plugins import PluginSource
from snnbench.plugins.isolation import one_line
from snnbench.plugins.own import OWN
from snnbench.plugins.protected import protected_state, put_back


@contextmanager
def blamed(sources: Sequence[PluginSource], seed: int) -> Iterator[None]:
    """Raise what code of `sources` raises as a PluginError; put the default dtype and the gradient mode back.

    Args:
        sources: where the code comes from.
        seed: what the block seeds torch's random state with. Drawing numbers is no fault, and seeding anew is.

    Raises:
        PluginError: if code of a source raised, or one of them changed what belongs to everybody.
    """
    dtype, enabled = torch.get_default_dtype(), torch.is_grad_enabled()
    suspects = [_told(source) for source in sources if not source.built_in]
    before = protected_state() if suspects else {}

    def restore() -> list[str]:
        return [*_put_back(dtype, enabled), *put_back(before)]

    try:
        yield
    except (SnnbenchError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        culprits = [_told(source) for source in sources if _raised_in(error, source)]
        if culprits:
            raise PluginError(f"{' or '.join(culprits)} failed in the middle of the run: {one_line(error)}") from error
        if suspects and (changed := restore()):  # other code fails of what a plugin changed
            raise _changes(suspects, changed) from error
        raise
    finally:
        changed = restore()
    if torch.initial_seed() != seed:
        changed.append("torch's random seed")
    if changed:
        raise _changes(suspects, changed)


def _told(source: PluginSource) -> str:
    return f"{source.module}:{source.name}" if source.distribution == OWN else str(source)


def _changes(suspects: Sequence[str], changed: Sequence[str]) -> PluginError:
    return PluginError(f"{' or '.join(suspects)} changes {' and '.join(changed)} in the middle of the run")


def _put_back(dtype: torch.dtype, enabled: bool) -> list[str]:
    changed = []
    if torch.get_default_dtype() != dtype:
        torch.set_default_dtype(dtype)
        changed.append("torch's default dtype")
    if torch.is_grad_enabled() != enabled:
        torch.set_grad_enabled(enabled)
        changed.append("torch's gradient mode")
    return changed


def _raised_in(error: BaseException, source: PluginSource) -> bool:
    package = source.module.partition(":")[0].partition(".")[0]
    frames = traceback.walk_tb(error.__traceback__)
    modules = [str(frame.f_globals.get("__name__", "")) for frame, _ in frames]
    return not source.built_in and any(module.partition(".")[0] == package for module in modules)
