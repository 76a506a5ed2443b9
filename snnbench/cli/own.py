"""What the verbs that take ``--network`` share: a network of one's own, read from their options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snnbench.cli import parameters as take
from snnbench.errors import OptionError

if TYPE_CHECKING:
    from pathlib import Path

    from snnbench.own.cells import OwnNetwork


def own_network(
    network: str | None,
    weights: Path | None,
    data: Path | None,
    options: list[str] | None,
    others: dict[str, Any],
) -> OwnNetwork | None:
    """The network that ``--network`` names, None without it; `others` are its own flags and their values.

    Raises:
        OptionError: if one of `others` comes without ``--network``, or weights are missing.
    """
    if network is None:
        if given := [flag for flag, value in others.items() if value is not None]:
            raise OptionError(f"{given[0]} is of a network of your own; add --network MODULE:FUNCTION --weights FILE")
        return None
    if weights is None and not network.endswith(".nir"):
        raise OptionError(f"--network {network} needs --weights FILE.safetensors, its weights in full precision")
    from snnbench.options import parse_pairs
    from snnbench.own.cells import OwnNetwork

    return OwnNetwork(
        network,
        weights,
        str(data or "digits"),
        others["--timesteps"],
        tuple(parse_pairs(options or [], "--model-option").items()),
        _names(others["--exempt"]),
        parse_numbers(others["--mean"], "--mean"),
        parse_numbers(others["--std"], "--std"),
        _names(others["--cost"]) or (),
    )


def results_folder(own: OwnNetwork | None, out: Path) -> Path:
    """Where results go: those of one's own networks lie apart, unless ``--out`` says where."""
    if own is None or out != take.RESULTS:
        return out
    from snnbench.own.cells import FOLDER

    return FOLDER


def parse_numbers(text: str | None, flag: str) -> tuple[float, ...] | None:
    """``"0.5,0.4"`` as numbers; OptionError if it is not a list of them."""
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise OptionError(f"{flag} {text!r} is not a list of numbers, such as 0.49,0.48,0.45") from None


def _names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(name for name in text.split(",") if name not in ("", "none"))
