"""The grid of a sweep: lists of values, from options or a TOML file, multiplied out."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from snnbench.errors import OptionError
from snnbench.records.cell import Mode

NO_MEMBRANE = "none"


def _as_list(value: object) -> object:
    return value if isinstance(value, (list, tuple)) else [value]


def _seeds(value: object) -> object:
    """``"0-2,5"``, ``5`` or ``[0, 1]`` as a list."""
    if isinstance(value, str):
        return [seed for part in value.split(",") for seed in _seed_range(part)]
    return _as_list(value)


def _seed_range(part: str) -> Iterator[int]:
    first, dash, last = part.strip().partition("-")
    if not first.isdigit() or (dash and not last.isdigit()):
        raise ValueError(f"{part!r} is neither a seed nor a range of seeds such as 0-2")
    yield from range(int(first), int(last or first) + 1)


_Scalar = bool | int | float | str
Values = Annotated[tuple[_Scalar, ...], BeforeValidator(_as_list), Field(min_length=1)]
Names = Annotated[tuple[str, ...], BeforeValidator(_as_list), Field(min_length=1)]
_Modes = Annotated[tuple[Mode, ...], BeforeValidator(_as_list), Field(min_length=1)]
AnyBits = Annotated[tuple[int | None, ...], BeforeValidator(_as_list), Field(min_length=1)]
_Seeds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], BeforeValidator(_seeds), Field(min_length=1)]


class Combination(BaseModel):
    """One point of a grid, as it was written: nothing of it is checked yet."""

    model_config = ConfigDict(frozen=True)

    protocol: str
    mode: Mode
    seed: int
    quantizer: str
    bits: int | None
    option: dict[str, Any]
    membrane: str | None
    membrane_bits: int | None
    membrane_option: dict[str, Any]

    def axes(self) -> dict[str, str]:
        """The value of every axis that was named, as text."""
        named = {"quantizer": self.quantizer, "bits": self.bits, **self.option, "membrane": self.membrane}
        named |= {"membrane_bits": self.membrane_bits}
        named |= {f"membrane_option {key}": value for key, value in self.membrane_option.items()}
        named |= {"mode": self.mode, "seed": self.seed, "protocol": self.protocol}
        return {axis: str(value) for axis, value in named.items() if value is not None}

    def __str__(self) -> str:
        return " ".join(f"{axis}={value}" for axis, value in self.axes().items())


class Grid(BaseModel):
    """Lists whose product is the cells; a single value stands for a list of one.

    ``membrane = ["none", "uniform"]`` compares without and with; ``none`` ignores the membrane's bits and options.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    quantizer: Names
    bits: AnyBits = (None,)
    option: dict[str, Values] = {}
    membrane: Names = (NO_MEMBRANE,)
    membrane_bits: AnyBits = (None,)
    membrane_option: dict[str, Values] = {}
    mode: _Modes = ("ptq",)
    seeds: _Seeds = (0,)
    protocol: Names

    @model_validator(mode="after")
    def _membrane_is_named(self) -> Grid:
        if set(self.membrane) == {NO_MEMBRANE} and (self.membrane_bits != (None,) or self.membrane_option):
            raise ValueError("membrane bits or options are given, but no membrane quantizer")
        return self

    def combinations(self) -> Iterator[Combination]:
        """Every point of the grid, once; the bits change fastest."""
        axes = product(
            self.protocol, self.mode, self.seeds, self.quantizer, _choices(self.option), self._membranes(), self.bits
        )
        for protocol, mode, seed, quantizer, option, membrane, bits in axes:
            yield Combination(
                protocol=protocol, mode=mode, seed=seed, quantizer=quantizer, bits=bits, option=option, **membrane
            )

    def _membranes(self) -> list[dict[str, Any]]:
        without: dict[str, Any] = {"membrane": None, "membrane_bits": None, "membrane_option": {}}
        points = list(product(self.membrane_bits, _choices(self.membrane_option)))
        found: list[dict[str, Any]] = []
        for name in self.membrane:
            if name == NO_MEMBRANE:
                found.append(without)
            else:
                found += [{"membrane": name, "membrane_bits": b, "membrane_option": o} for b, o in points]
        return found


def _choices(options: Mapping[str, tuple[_Scalar, ...]]) -> list[dict[str, _Scalar]]:
    return [dict(zip(options, values, strict=True)) for values in product(*options.values())]


def make_grid(document: Mapping[str, Any], where: str) -> Grid:
    """Check the form of a grid; its names and numbers are checked when it is planned.

    Raises:
        OptionError: naming every key that is unknown or of the wrong form.
    """
    try:
        return Grid.model_validate(document)
    except ValidationError as error:
        problems = {_problem(detail["loc"], detail["type"], detail["msg"]) for detail in error.errors()}
        raise OptionError(f"{where} is not valid: {'; '.join(sorted(problems))}") from error


def read_grids(path: Path, defaults: Mapping[str, Any]) -> list[Grid]:
    """The grids of a TOML file: one at its top level, or several as ``[[grid]]`` tables.

    Keys outside the tables, and under them `defaults`, hold for every grid that does not say otherwise.

    Raises:
        OptionError: if the file cannot be read, is not TOML, or holds an unknown or malformed key.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise OptionError(f"grid '{path}' cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"grid '{path}' is not TOML: {error}") from error
    tables = document.pop("grid", [{}])
    if not isinstance(tables, list) or not tables:
        raise OptionError(f"grid '{path}': write each grid as a table [[grid]]")
    return [make_grid({**defaults, **document, **table}, f"grid '{path}'") for table in tables]


def _problem(where: tuple[int | str, ...], kind: str, message: str) -> str:
    key = ".".join(str(part) for part in where[:2] if isinstance(part, str) and part.isidentifier())
    if kind == "extra_forbidden":
        return f"unknown key '{key}'; there are {', '.join(Grid.model_fields)}"
    if kind == "missing":
        return f"'{key}' is missing"
    text = message.removeprefix("Value error, ")
    return f"'{key}': {text}" if key else text
