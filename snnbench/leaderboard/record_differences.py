"""A whole record against that of the same cell measured again: metrics, intervals, nulls, layers, costs, control."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import isclose
from typing import Any

from snnbench.bench.metrics import EMDS
from snnbench.leaderboard.tolerances import DRIFT_TOLERANCE
from snnbench.records.record import Record

_PARTS = (
    "metrics",
    "noise_floor",
    "seed_floor",
    "paired_null",
    "reached",
    "layers",
    "cost",
    "costs",
    "reference",
    "control",
    "chip",
)
_FIRING = ("firing_", "reference_rate", "noise_floor", "seed_floor")

# Records of before the paired null hold the jackknife's interval of these; others may have older lower ends.
_NEWER_INTERVALS = tuple(metric.name for metric in EMDS)

# An interval's ends come from twenty estimates, each of which may move.
_ENDS = 40


def record_differences(said: Record, found: Record, exact: bool) -> Iterator[str]:
    """A sentence for each number that is another: with `exact` any, else firing beyond what rounding moves."""
    mine, theirs = _numbers(said), _numbers(found)
    older = ("low", "high") if said.paired_null is None else ("low",) * (said.emd_intervals != found.emd_intervals)
    for part in _PARTS:
        if part in mine and (part != "seed_floor" or found.seed_floor is not None):  # or the other seeds are not here
            for path, value, other in _leaves((part,), mine[part], theirs.get(part)):
                if not _skipped(path, older) and not _agree(path, value, other, exact):
                    yield f"{'.'.join(map(str, path))} is {value} in the record and {other} measured again"


def _numbers(record: Record) -> dict[str, Any]:
    """The record's parts; its memory without the packed weights, whose size is the packing's of the day."""
    parts: dict[str, Any] = json.loads(record.to_json())
    parts["cost"]["memory_bits"] -= record.audit.packed_bits
    return parts


def _leaves(path: tuple[Any, ...], mine: Any, theirs: Any) -> Iterator[tuple[tuple[Any, ...], Any, Any]]:
    """What the record says, and what is found in the same place; what it does not say is not compared."""
    if isinstance(mine, Mapping):
        for key, value in mine.items():
            yield from _leaves((*path, key), value, theirs.get(key) if isinstance(theirs, Mapping) else None)
    elif isinstance(mine, list):
        for index, value in enumerate(mine):
            other = theirs[index] if isinstance(theirs, list) and index < len(theirs) else None
            yield from _leaves((*path, index), value, other)
    else:
        yield path, mine, theirs


def _skipped(path: tuple[Any, ...], older: tuple[str, ...]) -> bool:
    """Whether the record is of before this was measured so; a control's interval is as old as its record."""
    return path[-1] in older and any(name in path for name in _NEWER_INTERVALS)


def _agree(path: tuple[Any, ...], value: Any, other: Any, exact: bool) -> bool:
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (value, other))
    if not numbers:
        return bool(value == other) or not exact
    if exact:
        return isclose(value, other, rel_tol=1e-9, abs_tol=1e-12)
    firing = any(str(step).startswith(_FIRING) for step in path)
    slack = 2 * DRIFT_TOLERANCE * (_ENDS if path[-1] in ("low", "high") else 1)
    return not firing or abs(value - other) <= slack
