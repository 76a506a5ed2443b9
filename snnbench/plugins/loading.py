"""Importing one plugin, checking its hooks and asking it, apart from every other plugin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pluggy

from snnbench import hookspecs
from snnbench.errors import PluginError, did_you_mean
from snnbench.plugins.isolation import isolated
from snnbench.plugins.protected import protected_state, put_back
from snnbench.plugins.source import KINDS, PluginFault, PluginSource

if TYPE_CHECKING:
    from collections.abc import Callable

_HOOKS = tuple(f"snnbench_{kind}" for kind in KINDS)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


@dataclass
class Plugin:
    """An imported entry point; ``hooks`` is None if it cannot be used, and ``faults`` says why."""

    source: PluginSource
    hooks: Any = None
    faults: list[PluginFault] = field(default_factory=list)
    _answers: dict[str, tuple[dict[str, Any], list[PluginFault]]] = field(default_factory=dict)

    def ask(self, kind: str) -> tuple[dict[str, Any], list[PluginFault]]:
        """What the plugin offers of a kind, and the faults of asking; it is asked once."""
        if kind not in self._answers:
            self._answers[kind] = self._asked(kind)
        return self._answers[kind]

    def _asked(self, kind: str) -> tuple[dict[str, Any], list[PluginFault]]:
        faults: list[PluginFault] = []
        offered: dict[str, Any] = {}
        if self.hooks is not None:
            with isolated(self.source, faults):
                offered = _checked(kind, getattr(self.hooks, f"snnbench_{kind}"))
        return offered, faults


def load(source: PluginSource) -> Plugin:
    """Import an entry point and check its hooks; never raises for what the plugin does."""
    import rich.style  # noqa: F401  (draws from `random` when first imported: no plugin's doing)

    plugin = Plugin(source)
    if not source.built_in:
        import torch  # noqa: F401  (its global state can be watched only once it is there)
    before = {} if source.built_in else protected_state()
    with isolated(source, plugin.faults):
        plugin.hooks = _registered(source)
    if changed := put_back(before):
        fault = f"changes {', '.join(changed[:5])} when it loads; it was put back, and the plugin is not used"
        plugin.hooks = None
        plugin.faults.append(PluginFault(source, fault))
    return plugin


def _registered(source: PluginSource) -> Any:
    # A manager a plugin: a call then runs this plugin alone, and what it raises cannot hide what others offer.
    manager = pluggy.PluginManager("snnbench")
    manager.add_hookspecs(hookspecs)
    module = source.load()
    try:
        manager.register(module, source.name)
    except pluggy.PluginValidationError as error:
        raise PluginError(" ".join(str(error).split())) from error
    implemented = {caller.name: caller for caller in manager.get_hookcallers(module) or ()}
    _refuse_unmarked(module, implemented)
    for caller in implemented.values():
        _verify(caller)
    _refuse_misplaced(source, list(implemented))
    return manager.hook


def _refuse_unmarked(module: Any, implemented: Mapping[str, object]) -> None:
    for name in _HOOKS:
        if name not in implemented and callable(getattr(module, name, None)):
            raise PluginError(f"{name}() is not marked with @snnbench.hookimpl, so it would never be called")
    if not implemented:
        raise PluginError(f"it implements none of the hooks {', '.join(_HOOKS)}")


def _verify(caller: pluggy.HookCaller) -> None:
    for implementation in caller.get_hookimpls():
        if implementation.wrapper or implementation.hookwrapper:
            raise PluginError(f"{caller.name}() is a hook wrapper; a plugin answers for itself alone")
        if not caller.has_spec() and not implementation.optionalhook:
            near = did_you_mean(caller.name.removeprefix("snnbench_"), KINDS) or ";"
            raise PluginError(f"unknown hook {caller.name!r}{near} this version of snnbench has {', '.join(_HOOKS)}")


def _refuse_misplaced(source: PluginSource, implemented: list[str]) -> None:
    others = [name for name in implemented if name in _HOOKS and name != f"snnbench_{source.name}"]
    if source.name in KINDS and others:
        raise PluginError(
            f"the entry point {source.name!r} may hold {source.name} only, but implements {', '.join(others)}; "
            "give it another name"
        )


def _checked(kind: str, caller: pluggy.HookCaller) -> dict[str, Any]:
    offered: dict[str, Any] = {}
    answers = caller() or [None] if caller.get_hookimpls() else []  # pluggy leaves out an answer of None
    for answer in answers:
        if not isinstance(answer, Mapping):
            raise PluginError(f"{caller.name}() returned {type(answer).__name__}, not a dict by name")
        for name, value in answer.items():
            _check_entry(kind, name, value)
            offered[name] = value
    return offered


def _check_entry(kind: str, name: object, value: object) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise PluginError(f"{KINDS[kind]} name {name!r} is not made of letters, digits and . _ + - alone")
    is_fit, wanted = _FIT[kind]
    if not is_fit(value):
        raise PluginError(f"{KINDS[kind]} {name!r} is {type(value).__name__}, not {wanted}")


def _is_dataset(value: object) -> bool:
    from snnbench.data.dataset import Dataset

    return isinstance(value, Dataset)


def _is_file(value: object) -> bool:
    is_file = getattr(value, "is_file", None)
    return is_file is not None and bool(is_file())


_FIT: dict[str, tuple[Callable[[object], bool], str]] = {
    "quantizers": (callable, "a factory (tensor, *, bits, **options) -> nn.Module"),
    "models": (callable, "a factory (input_shape, num_classes, **options) -> nn.Module"),
    "datasets": (_is_dataset, "a snnbench.data.Dataset"),
    "protocols": (_is_file, "the path of an existing protocol.toml"),
    "chips": (_is_file, "the path of an existing TOML document"),
    "costs": (callable, "a function of snnbench.functional.energy.Work that gives picojoule an image"),
}
