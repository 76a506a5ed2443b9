"""The errors a user can mend; the command line prints their message and exits with code 2."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class SnnbenchError(Exception):
    """Base of every error whose message tells the user what was wrong and what to do."""


class DataError(SnnbenchError):
    """A data set is missing, truncated, altered or of an unknown layout."""


class DamagedDataError(DataError):
    """Files of a data set are missing, truncated or altered."""


class PluginError(SnnbenchError):
    """A plugin is unknown, broken, or claims a name that another distribution claims."""


class OptionError(SnnbenchError):
    """An option of a quantizer, model or command is unknown or out of range; or several are, each a problem."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class ProtocolError(SnnbenchError):
    """A protocol document does not validate, or its baseline is missing or altered."""


class RecordError(SnnbenchError):
    """A record or its evidence cannot be read or does not validate."""


class FiringError(SnnbenchError, ValueError):
    """Spikes, rates or profiles do not fit together; the message names the layer."""


class GraphError(SnnbenchError):
    """A network cannot be read from a graph or written as one; the message names the node."""


def did_you_mean(typed: str, known: Iterable[str]) -> str:
    """``"; did you mean 'clip'?"`` for the names nearest to the typed one, ``""`` if none is near."""
    near = get_close_matches(typed.lower(), list(known), n=3)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
