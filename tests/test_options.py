from __future__ import annotations

from functools import partial, wraps
from typing import TYPE_CHECKING, Annotated, Literal

import pytest
from annotated_types import Gt
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from snnbench.errors import OptionError, PluginError
from snnbench.options import Option, check_defaults, describe, fixed_bits, parse_pairs, validate

if TYPE_CHECKING:
    from torch import Tensor

Bits = Annotated[int, Field(ge=1, le=8)]
OWNER = "quantizer 'uniform'"


def uniform(
    tensor: Tensor,
    *,
    bits: Bits,
    grid: Literal["endpoint", "symmetric"] = "endpoint",
    clip: Literal["narrow", "wide"] = "narrow",
    signed: bool = True,
    eps: Annotated[float, Gt(0)] = 1e-4,
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5,
    limit: float | None = None,
    step: Literal[1, 2] = 1,
    note: str = "",
) -> None: ...


def full(tensor: Tensor, *, bits: Literal[32] = 32) -> None: ...


def model(input_shape: tuple[int, int, int], num_classes: int, width: Annotated[int, Field(ge=1)] = 16) -> None: ...


class Holder:
    def __init__(self, tensor: Tensor, *, bits: Bits) -> None: ...


class Caller:
    def __call__(self, tensor: Tensor, *, bits: Bits) -> None: ...

    def method(self, tensor: Tensor, *, bits: Bits) -> None: ...


def decorated(function):
    @wraps(function)
    def call(*args, **kwargs):
        return function(*args, **kwargs)

    return call


DEFAULTS = {
    "grid": "endpoint",
    "clip": "narrow",
    "signed": True,
    "eps": 1e-4,
    "share": 0.5,
    "limit": None,
    "step": 1,
    "note": "",
}


def refusal(options: dict[str, object], bits: object = 4, factory: object = uniform) -> str:
    with pytest.raises(OptionError) as caught:
        validate(OWNER, factory, options, bits=bits)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_defaults_are_filled_in_and_the_order_is_the_signatures():
    assert list(validate(OWNER, uniform, {"clip": "wide"}, bits=3).items()) == [
        ("bits", 3),
        *(DEFAULTS | {"clip": "wide"}).items(),
    ]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("clip", "wide", "wide"),
        ("signed", "false", False),
        ("signed", "no", False),
        ("signed", "1", True),
        ("eps", "1e-3", 1e-3),
        ("eps", "2", 2.0),
        ("limit", "0.25", 0.25),
        ("step", "2", 2),
        ("note", "4", "4"),
    ],
)
def test_strings_become_the_options_type(name, text, value):
    found = validate(OWNER, uniform, {name: text}, bits="4")[name]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"clp": "wide"},
            "quantizer 'uniform' has no option 'clp'; did you mean 'clip'? it takes grid, clip, signed, eps",
        ),
        ({"zzz": "1"}, "quantizer 'uniform' has no option 'zzz'; it takes grid, clip, "),
        ({"clip": "huge"}, "clip='huge' is not one of narrow, wide for quantizer 'uniform'"),
        ({"step": "3"}, "step='3' is not one of 1, 2 for quantizer 'uniform'"),
        ({"eps": "0"}, "eps=0 must be > 0 for quantizer 'uniform'"),
        ({"share": 1.0}, "share=1.0 must be > 0 and < 1 for quantizer 'uniform'"),
        ({"eps": "nan"}, "eps='nan' is not a number (> 0) for quantizer 'uniform'"),
        ({"limit": "inf"}, "limit='inf' is not a number for quantizer 'uniform'"),
        ({"signed": "maybe"}, "signed='maybe' is not yes or no (true, false) for quantizer 'uniform'"),
        ({"signed": 1}, "signed=1 is not yes or no (true, false) for quantizer 'uniform'"),
        ({"note": 4}, "note=4 is not text for quantizer 'uniform'"),
        ({"bits": "4"}, "bits=4 is not an option of quantizer 'uniform'; the number of bits has its own flag"),
    ],
)
def test_a_refusal_quotes_what_was_given_and_tells_what_is_allowed(options, message):
    assert refusal(options).startswith(message)


@pytest.mark.parametrize(
    ("bits", "message"),
    [
        (0, "bits=0 is outside 1..8 for quantizer 'uniform'"),
        ("33", "bits=33 is outside 1..8 for quantizer 'uniform'"),
        ("four", "bits='four' is not a whole number (1..8) for quantizer 'uniform'"),
        ("4.5", "bits='4.5' is not a whole number (1..8) for quantizer 'uniform'"),
        ("", "bits='' is not a whole number (1..8) for quantizer 'uniform'"),
        (True, "bits=True is not a whole number (1..8) for quantizer 'uniform'"),
        (4.0, "bits=4.0 is not a whole number (1..8) for quantizer 'uniform'"),
        (None, "quantizer 'uniform' needs bits: 1..8"),
    ],
)
def test_bits_that_cannot_be(bits, message):
    assert refusal({}, bits) == message


@given(st.integers())
def test_bits_are_taken_exactly_within_their_range(bits):
    if 1 <= bits <= 8:
        assert validate(OWNER, uniform, {}, bits=str(bits))["bits"] == bits
    else:
        assert refusal({}, str(bits)) == f"bits={bits} is outside 1..8 for quantizer 'uniform'"


@given(st.text())
def test_a_number_is_read_from_any_text_or_the_text_is_refused_in_one_line(text):
    try:
        assert validate(OWNER, uniform, {"eps": text}, bits=4)["eps"] > 0
    except OptionError as error:
        message = str(error)
    else:
        message = "taken"
    assert len(message.splitlines()) == 1


def test_fixed_bits_are_taken_by_default_and_others_refused():
    assert fixed_bits(OWNER, full) == 32
    assert fixed_bits(OWNER, uniform) is None
    assert validate(OWNER, full, {}) == {"bits": 32}
    assert validate(OWNER, full, {}, bits="32") == {"bits": 32}
    assert refusal({}, 4, full) == "bits=4 does not agree with quantizer 'uniform', which has 32 bits and no others"
    assert refusal({"clip": "wide"}, None, full) == "quantizer 'uniform' has no option 'clip'; it takes none"


def test_a_model_has_options_without_bits():
    assert validate("model 'm'", model, {"width": "8"}) == {"width": 8}
    assert [option.name for option in describe("model 'm'", model)] == ["width"]
    with pytest.raises(OptionError, match="width=0 must be >= 1 for model 'm'"):
        validate("model 'm'", model, {"width": 0})
    with pytest.raises(PluginError, match="model 'm': the factory has no keyword-only argument bits"):
        validate("model 'm'", model, {}, bits=4)


@pytest.mark.parametrize(
    "factory",
    [Holder, Caller(), Caller().method, decorated(uniform), partial(uniform, clip="wide"), partial(Holder)],
    ids=["class", "callable object", "method", "decorated", "partial", "partial of a class"],
)
def test_factories_of_every_form(factory):
    assert validate(OWNER, factory, {}, bits="4")["bits"] == 4
    assert refusal({}, 9, factory) == "bits=9 is outside 1..8 for quantizer 'uniform'"


def test_what_is_shown_of_an_option():
    shown = {option.name: option for option in describe(OWNER, uniform)}
    assert shown["bits"] == Option("bits", "whole number", None, True, "1..8")
    assert shown["clip"] == Option("clip", "choice", "narrow", False, "narrow, wide")
    assert shown["signed"] == Option("signed", "yes or no", True, False, "true, false")
    assert shown["eps"] == Option("eps", "number", 1e-4, False, "> 0")
    assert shown["limit"] == Option("limit", "number", None, False, "")
    assert shown["note"] == Option("note", "text", "", False, "")
    assert describe(OWNER, full) == [Option("bits", "choice", 32, False, "32")]


def unannotated(tensor, *, bits): ...


def unimported(tensor, *, bits: Nowhere): ...  # noqa: F821


def uncheckable(tensor, *, bits: Caller): ...


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (unannotated, "quantizer 'uniform': its option 'bits' has no annotation to check values against"),
        (unimported, "quantizer 'uniform': its annotations cannot be read: name 'Nowhere' is not defined"),
        (uncheckable, "quantizer 'uniform': its option 'bits' has an annotation that cannot be checked"),
    ],
)
def test_annotations_that_nothing_can_be_checked_against_are_the_plugins_fault(factory, message):
    with pytest.raises(PluginError) as caught:
        validate(OWNER, factory, {}, bits=4)
    assert str(caught.value) == message


def test_pairs():
    assert parse_pairs(["clip=wide", "note=a=b", "empty="]) == {"clip": "wide", "note": "a=b", "empty": ""}


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["clip"], "--option 'clip' is not of the form key=value"),
        (["=wide"], "--option '=wide' is not of the form key=value"),
        (["clip=wide", "clip=narrow"], "--option 'clip' is given twice: 'wide' and 'narrow'"),
    ],
)
def test_pairs_that_are_none(pairs, message):
    with pytest.raises(OptionError, match=message):
        parse_pairs(pairs)


def half(tensor, *, bits: Bits, share: float = "half"): ...


def none(tensor, *, bits: Bits, share: float = None): ...  # noqa: RUF013


@pytest.mark.parametrize(("factory", "default"), [(half, "'half'"), (none, "None")])
def test_a_default_that_its_own_annotation_refuses_is_the_plugins_fault(factory, default):
    with pytest.raises(PluginError, match=f"uniform': the default share={default} is not what its annotation allows"):
        check_defaults(OWNER, factory)


@pytest.mark.parametrize("factory", [uniform, full, model])
def test_defaults_that_the_annotations_allow(factory):
    check_defaults(OWNER, factory)
