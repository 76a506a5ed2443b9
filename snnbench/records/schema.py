"""The rule by which records grow: a field may be added, with a default; none is changed or removed.

A field that was `added` is written only where it differs from its default, so that records and keys of before it stay
as they are. Whoever checks a record compares what it says, not the bytes that it says it in.
"""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")


class RecordPart(BaseModel):
    """Base of everything in a record: values do not change, unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def added(default: T) -> T:
    """A field that earlier records do not have: they are read with its default, and it is not written at that."""
    field: T = Field(default=default, exclude_if=lambda value: value == default)
    return field
