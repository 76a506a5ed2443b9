"""What a plugin may not touch: the functions and classes that measure, compared with what they were."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

_TORCH = ("torch", "torch.nn", "torch.nn.functional", "torch.nn.utils.parametrize")
_GLOBAL_HOOKS = ("_global_forward_hooks", "_global_forward_pre_hooks", "_global_backward_hooks")

Place = tuple[Any, str]
State = dict[tuple[int, str], tuple[Place, Any, Any]]


def protected_state() -> State:
    """Every function, class and table of snnbench, and every function and class of PyTorch's layers, as they are."""
    return {(id(owner), name): ((owner, name), value, _inside(value)) for owner, name, value in _protected()}


def put_back(before: State) -> list[str]:
    """Names of what was replaced since, rewritten in place or hooked; all but code that was rewritten is put back."""
    changed = []
    for (owner, name), value, inside in before.values():
        found = vars(owner).get(name)
        if found is not value and not _wrapped_by_torch(found, value):
            changed.append(_told(owner, name))
            setattr(owner, name, value)
        elif found is value and not _same(_inside(found), inside):
            changed.append(_told(owner, name))
            if isinstance(found, dict):
                found.clear()
                found.update(inside)
    return changed


def _wrapped_by_torch(found: Any, value: Any) -> bool:
    """Whether PyTorch wrapped `value` itself, as its compiler does with ``torch.manual_seed`` when imported."""
    disable = getattr(sys.modules.get("torch"), "_disable_dynamo", None)
    wrapped = isinstance(found, FunctionType) and getattr(found, "__wrapped__", None) is value
    return wrapped and disable is not None and found.__code__ is disable(value).__code__


def _protected() -> Iterator[tuple[Any, str, Any]]:
    for name, module in list(sys.modules.items()):
        own = name.partition(".")[0] == "snnbench"
        if own or name in _TORCH or name.startswith("torch.nn.modules."):
            yield from _of_module(name, module, own)


def _of_module(name: str, module: ModuleType, own: bool) -> Iterator[tuple[Any, str, Any]]:
    for key, value in list(vars(module).items()):
        table = own and key.isupper() and isinstance(value, dict)
        if isinstance(value, FunctionType | BuiltinFunctionType | type) or table or key in _GLOBAL_HOOKS:
            yield module, key, value
        if isinstance(value, type) and value.__module__ == name:
            yield from ((value, *item) for item in list(vars(value).items()) if isinstance(item[1], FunctionType))


def _inside(value: Any) -> Any:
    """What can be changed without replacing the value itself."""
    if isinstance(value, FunctionType):
        return value.__code__, value.__defaults__
    return dict(value) if isinstance(value, dict) else None


def _same(mine: Any, theirs: Any) -> bool:
    if isinstance(mine, dict):
        return mine.keys() == theirs.keys() and all(mine[key] is theirs[key] for key in mine)
    return bool(mine == theirs)


def _told(owner: Any, name: str) -> str:
    place = owner.__name__ if isinstance(owner, ModuleType) else f"{owner.__module__}.{owner.__name__}"
    return f"{place}.{name}"
