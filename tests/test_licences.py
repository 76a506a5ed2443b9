"""Every package that an installation brings is listed with its licence, as the package itself states it."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PAGE = Path(__file__).parents[1] / "docs" / "licences.md"


def required(name: str) -> set[str]:
    """What a package asks for on every platform."""
    return {canonicalize_name(Requirement(line).name) for line in metadata.requires(name) or () if ";" not in line}


def stated_licence(name: str) -> str:
    said = metadata.metadata(name)
    expressions, texts = (said.get_all(field, ()) for field in ("License-Expression", "License"))
    classified = [line.split(" :: ")[-1] for line in said.get_all("Classifier", ()) if line.startswith("License")]
    return "; ".join([*expressions] or classified or [*texts])


def test_the_page_lists_every_package_with_its_licence() -> None:
    waiting, found = required("snnbench"), set[str]()
    while waiting:
        found |= waiting
        waiting = {needed for name in waiting for needed in required(name)} - found
    rows = [f"| {name} | {stated_licence(name)} |" for name in sorted(found)]
    listed = [line for line in PAGE.read_text("utf-8").splitlines() if re.match(r"\| [a-z]", line)]
    assert listed[1:] == rows


def test_no_licence_asks_for_the_source_of_what_uses_it() -> None:
    assert not re.search(r"\bA?GPL|SSPL", PAGE.read_text("utf-8").partition("|:--")[2])
