"""The document of a protocol with the baselines that were trained from it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from snnbench.files import write_atomically
from snnbench.protocols import Baseline, Protocol, read_protocol

_BASELINES = re.compile(r"^\[\[baselines\]\].*\n(?:(?!\[).*\n)*", re.MULTILINE)


def write_trained(source: Path, baseline: Baseline, path: Path) -> None:
    """Write the document `source` with a baseline whose weights lie beside `path`, in place of its own ones.

    What `path` has of other seeds of the same recipe stays, so that a document grows with every seed.

    Raises:
        ProtocolError: one of the documents cannot be read.
    """
    document = read_protocol(source)
    found = {each.seed: each for each in _earlier(document, path)} | {baseline.seed: baseline}
    text = _BASELINES.sub("", source.read_text("utf-8") + "\n").rstrip()
    sections = [_section(found[seed]) for seed in sorted(found)]
    write_atomically(path, ["\n\n".join([text, *sections]).encode() + b"\n"])


def _earlier(document: Protocol, path: Path) -> tuple[Baseline, ...]:
    """The baselines that a document of the same recipe has."""
    if not path.exists():
        return ()
    earlier = read_protocol(path)
    return earlier.baselines if earlier.recipe == document.recipe else ()


def _section(baseline: Baseline) -> str:
    """As TOML, in which strings and numbers are written as in JSON."""
    values = baseline.model_dump(exclude_none=True).items()
    return "\n".join(["[[baselines]]", *(f"{key} = {json.dumps(value)}" for key, value in values)])
