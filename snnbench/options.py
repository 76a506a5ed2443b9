"""The options of a quantizer or model: read from its factory's signature, checked before the factory is called.

An option is a parameter of the factory that is keyword-only or has a default. Its annotation says what is allowed:
``Literal["narrow", "wide"]``, ``Annotated[int, Field(ge=1, le=8)]``, ``bool``, ``float``, ``str``.

Each option has an adapter of its own, and not all of them one model (`pydantic.create_model`), which was tried: what is
typed is read leniently and anything else strictly, and a model is strict as a whole, since pydantic refuses to make a
single ``Literal`` strict; a plugin may call an option ``copy`` or ``json``, of which it warns, or ``model_dump``, which
it refuses; and the messages, most of this file, stay either way.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, get_type_hints

from snnbench.errors import OptionError, PluginError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pydantic import TypeAdapter

NO_BITS = "the factory has no keyword-only argument bits: factory(tensor, *, bits, **options)"
_REQUIRED = inspect.Parameter.empty
_TYPES = {"integer": "whole number", "number": "number", "boolean": "yes or no", "string": "text"}


@dataclass(frozen=True)
class Option:
    """One option of a factory, in words.

    Attributes:
        type: ``whole number``, ``number``, ``yes or no``, ``text`` or ``choice``.
        default: the value taken when none is given; None if ``required``.
        allowed: the choices (``narrow, wide``) or the range (``1..8``, ``> 0``), empty if the type alone decides.
    """

    name: str
    type: str
    default: Any
    required: bool
    allowed: str


def parse_pairs(pairs: Iterable[str], flag: str = "--option") -> dict[str, str]:
    """``["clip=wide", "per=channel"]`` as a dict; OptionError for a pair without ``=`` or a key given twice."""
    options: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise OptionError(f"{flag} {pair!r} is not of the form key=value")
        if key in options:
            raise OptionError(f"{flag} {key!r} is given twice: {options[key]!r} and {value!r}")
        options[key] = value
    return options


def describe(owner: object, factory: Callable[..., Any]) -> list[Option]:
    """The options of a factory, ``bits`` among them, in the order of its signature.

    ``owner`` is how messages name the factory, as ``quantizer 'lqnet'``. PluginError if an annotation cannot be read.
    """
    return [_option(parameter, _schema(_adapter(owner, parameter))) for parameter in _parameters(owner, factory)]


def check_defaults(owner: object, factory: Callable[..., Any]) -> None:
    """PluginError if an option's default, which nobody types, is not what its own annotation allows."""
    from pydantic import ValidationError

    for parameter in _parameters(owner, factory):
        try:
            if parameter.default is not _REQUIRED:
                _adapter(owner, parameter).validate_python(parameter.default, strict=True)
        except ValidationError as error:
            default = f"{parameter.name}={parameter.default!r}"
            raise PluginError(f"{owner}: the default {default} is not what its annotation allows") from error


def fixed_bits(owner: object, factory: Callable[..., Any]) -> int | None:
    """The number of bits of a quantizer that offers no choice (its ``bits`` has a default), else None."""
    defaults = {parameter.name: parameter.default for parameter in _parameters(owner, factory)}
    bits = defaults.get("bits", _REQUIRED)
    return None if bits is _REQUIRED else int(bits)


def validate(
    owner: object, factory: Callable[..., Any], options: Mapping[str, object], *, bits: object = None
) -> dict[str, Any]:
    """The factory's keyword arguments: the options given, typed and checked, and the defaults of the others.

    Args:
        owner: how messages name the factory, as ``quantizer 'lqnet'`` (a catalogue entry says so of itself).
        options: values by name; a string is read as the option's type, anything else must be of that type.
        bits: the number of bits, likewise; None for a model, or to take a quantizer's fixed number.

    Raises:
        OptionError: an option is unknown, missing or not allowed; one line that quotes what was given.
        PluginError: the factory's own annotations cannot be read.
    """
    parameters = {parameter.name: parameter for parameter in _parameters(owner, factory)}
    given = _given(owner, parameters, options, bits)
    values, problems = dict[str, Any](), _unknown(owner, parameters, options)
    for name, parameter in parameters.items():
        try:
            values[name] = _value(owner, parameter, given[name]) if name in given else _default(owner, parameter)
        except OptionError as error:
            problems += error.problems
    if problems:
        raise OptionError(*problems)
    return values


def _given(
    owner: object, parameters: Mapping[str, inspect.Parameter], options: Mapping[str, object], bits: object
) -> dict[str, object]:
    if "bits" in options:
        raise OptionError(f"bits={options['bits']} is not an option of {owner}; the number of bits has its own flag")
    if bits is None:
        return dict(options)
    if "bits" not in parameters:
        raise PluginError(f"{owner}: {NO_BITS}")
    fixed = parameters["bits"].default
    if fixed is not _REQUIRED and str(bits) != str(fixed):
        raise OptionError(f"bits={bits} does not agree with {owner}, which has {fixed} bits and no others")
    return {**options, "bits": bits}


def _unknown(owner: object, parameters: Mapping[str, inspect.Parameter], options: Mapping[str, object]) -> list[str]:
    """What there is to say of options that the factory does not have."""
    choices = [name for name in parameters if name != "bits"]
    return [
        f"{owner} has no option {name!r}{did_you_mean(name, choices) or ';'} it takes {', '.join(choices) or 'none'}"
        for name in options
        if name not in choices
    ]


def _parameters(owner: object, factory: Callable[..., Any]) -> list[inspect.Parameter]:
    """The option parameters of a factory, each with its annotation evaluated."""
    chosen = [p for p in inspect.signature(factory).parameters.values() if _is_option(p)]
    unannotated = [p.name for p in chosen if p.annotation is inspect.Parameter.empty]
    if unannotated:
        raise PluginError(f"{owner}: its option {unannotated[0]!r} has no annotation to check values against")
    hints = _hints(owner, factory, {p.name: p.annotation for p in chosen})
    return [p.replace(annotation=hints[p.name]) for p in chosen]


def _is_option(parameter: inspect.Parameter) -> bool:
    is_defaulted = parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.default is not _REQUIRED
    return parameter.kind is parameter.KEYWORD_ONLY or is_defaulted


def _hints(owner: object, factory: Callable[..., Any], annotations: dict[str, Any]) -> dict[str, Any]:
    # Only the options' annotations are evaluated: that of the tensor may name what is imported for type checkers alone.
    def bearer() -> None: ...

    bearer.__annotations__ = annotations
    try:
        return get_type_hints(bearer, globalns=_globals(factory), include_extras=True)
    except Exception as error:
        raise PluginError(f"{owner}: its annotations cannot be read: {error}") from error


def _globals(factory: Any) -> dict[str, Any]:
    while isinstance(factory, partial):
        factory = factory.func
    factory = inspect.unwrap(factory)
    function = factory.__init__ if inspect.isclass(factory) else getattr(factory, "__func__", factory)
    function = function if hasattr(function, "__globals__") else type(function).__call__
    return dict(function.__globals__)


def _adapter(owner: object, parameter: inspect.Parameter) -> TypeAdapter[Any]:
    from pydantic import ConfigDict, PydanticSchemaGenerationError, TypeAdapter

    try:
        return TypeAdapter(parameter.annotation, config=ConfigDict(allow_inf_nan=False))
    except PydanticSchemaGenerationError as error:
        raise PluginError(f"{owner}: its option {parameter.name!r} has an annotation that cannot be checked") from error


def _option(parameter: inspect.Parameter, schema: Mapping[str, Any]) -> Option:
    choices = _choices(schema)
    required = parameter.default is _REQUIRED
    return Option(
        name=parameter.name,
        type="choice" if choices else _TYPES.get(schema.get("type", ""), "value"),
        default=None if required else parameter.default,
        required=required,
        allowed=", ".join(map(str, choices)) if choices else _range(schema),
    )


def _schema(adapter: TypeAdapter[Any]) -> Mapping[str, Any]:
    """The JSON schema of an option; of ``float | None`` that of the float."""
    schema = adapter.json_schema()
    return next((part for part in schema.get("anyOf", ()) if part.get("type") != "null"), schema)


def _choices(schema: Mapping[str, Any]) -> list[Any]:
    return list(schema.get("enum", [schema["const"]] if "const" in schema else ()))


def _range(schema: Mapping[str, Any]) -> str:
    if schema.get("type") == "boolean":
        return "true, false"
    if "minimum" in schema and "maximum" in schema:
        return f"{schema['minimum']}..{schema['maximum']}"
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    return " and ".join(f"{sign} {schema[key]}" for key, sign in signs.items() if key in schema)


def _default(owner: object, parameter: inspect.Parameter) -> Any:
    if parameter.default is _REQUIRED:
        option = _option(parameter, _schema(_adapter(owner, parameter)))
        raise OptionError(f"{owner} needs {parameter.name}: {option.allowed or option.type}")
    return parameter.default


def _value(owner: object, parameter: inspect.Parameter, given: object) -> Any:
    from pydantic import ValidationError

    adapter = _adapter(owner, parameter)
    schema = _schema(adapter)
    option = _option(parameter, schema)
    try:
        return adapter.validate_python(_literal(schema, given), strict=not isinstance(given, str))
    except ValidationError as error:
        raise OptionError(_refusal(owner, option, given, error.errors()[0])) from error


def _literal(schema: Mapping[str, Any], given: object) -> object:
    """The choice that a string spells, since ``"32"`` is not a ``Literal[32]``; else what is given."""
    return next((choice for choice in _choices(schema) if str(choice) == given), given)


def _refusal(owner: object, option: Option, given: object, reason: Mapping[str, Any]) -> str:
    if option.type == "choice":
        return f"{option.name}={given!r} is not one of {option.allowed} for {owner}"
    if reason["type"].startswith(("greater_than", "less_than")):
        relation = "is outside" if ".." in option.allowed else "must be"
        return f"{option.name}={given} {relation} {option.allowed} for {owner}"
    article = "a " if option.type.endswith("number") else ""
    allowed = f" ({option.allowed})" if option.allowed else ""
    return f"{option.name}={given!r} is not {article}{option.type}{allowed} for {owner}"
