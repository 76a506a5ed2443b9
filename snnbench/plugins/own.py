"""Networks and data sets of one's own, named by where they lie instead of by a plugin."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from snnbench.errors import PluginError
from snnbench.plugins.source import PluginSource

OWN = "own"
"""What stands for the distribution of what no distribution brings."""


def is_own_model(name: str) -> bool:
    """Whether a model is named as ``mypackage.module:function`` or ``path/to/file.py:function``."""
    return ":" in name or name.endswith(".py")


def own_model(name: str) -> tuple[Callable[..., Any], PluginSource]:
    """A factory of the network that `name` points to, with the signature of all model factories, and its source.

    The function, or class, gets the options alone, or ``(input_shape, num_classes, **options)`` if it asks for two
    arguments. What it makes becomes a classifier: states are reset before each batch, and outputs over time are
    averaged. ``timesteps`` is an option of every one that has none of its own: it shows the images so many times.

    Raises:
        PluginError: if there is no such module, file or function, or it asks for other arguments; and, when it is
            called, if it makes no network. It says what was looked for and where.
    """
    where, _, attribute = name.rpartition(":")
    if not where:
        raise PluginError(f"{name} is a file; name what makes the network in it: {name}:FUNCTION")
    module = _from_file(Path(where)) if where.endswith(".py") else _from_path(where)
    make = getattr(module, attribute, None)
    if not callable(make):
        raise PluginError(f"{where} has no function or class {attribute!r}; it must make the network: {where}:FUNCTION")
    if _is_network(make):
        raise PluginError(f"{name} is a network; name a function or class that makes one, so that it can be made anew")
    return _adapted(make, name), PluginSource(OWN, _version(module), attribute, where)


def _from_path(where: str) -> ModuleType:
    here = str(Path.cwd())
    sys.path.insert(0, here)  # as `python -m` has it: one's own code lies where one stands
    try:
        return importlib.import_module(where)
    except ImportError as error:
        raise PluginError(f"network '{where}' cannot be imported from {here} ({error})") from error
    finally:
        sys.path.remove(here)


def _from_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise PluginError(f"there is no file '{path}'")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # it is the user's code: whatever it raises is told
        raise PluginError(f"'{path}' cannot be run: {type(error).__name__}: {error}") from error
    return module


def _is_network(value: object) -> bool:
    from torch import nn

    return isinstance(value, nn.Module)


def _adapted(make: Callable[..., Any], name: str) -> Callable[..., Any]:
    parameters = list(inspect.signature(make).parameters.values())
    takes_shape = _takes_shape(parameters, name)
    options = [_option(p) for p in parameters if p.default is not p.empty]
    steps_itself = any(p.name == "timesteps" for p in options)

    def factory(input_shape: tuple[int, ...], num_classes: int, **values: Any) -> Any:
        from snnbench.nn.classifier import install

        timesteps = None if steps_itself else values.pop("timesteps", None)
        model = make(input_shape, num_classes, **values) if takes_shape else make(**values)
        if not _is_network(model):
            raise PluginError(f"{name} makes a {type(model).__name__}, and must make a torch.nn.Module")
        install(model, timesteps)
        return model

    if not steps_itself:
        kind = inspect.Parameter.KEYWORD_ONLY
        options.append(inspect.Parameter("timesteps", kind, default=None, annotation=int | None))
    factory.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    factory.__wrapped__ = make  # type: ignore[attr-defined]
    return factory


def _takes_shape(parameters: Sequence[inspect.Parameter], name: str) -> bool:
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    asked = [each for each in parameters if each.default is each.empty and each.kind not in several]
    if len(asked) not in (0, 2) or any(each.kind is each.KEYWORD_ONLY for each in asked):
        raise PluginError(
            f"{name} asks for {', '.join(each.name for each in asked)}; it is called with options, each of which has a"
            " default, or with (input_shape, num_classes) and options"
        )
    return len(asked) == 2


def _option(parameter: inspect.Parameter) -> inspect.Parameter:
    """The option as a checked one: without an annotation, its default says its type."""
    given = parameter.annotation
    kind = type(parameter.default) if given is parameter.empty else given
    return parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=kind)


def _version(module: ModuleType) -> str:
    file = inspect.getsourcefile(module)
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:12] if file else "unknown"
