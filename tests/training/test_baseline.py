"""Finding a protocol's document: by name, by name and version, by path."""

from __future__ import annotations

from pathlib import Path

import pytest

from snnbench.errors import PluginError, ProtocolError
from snnbench.protocols import read_protocol
from snnbench.training.baseline import protocol_path


def test_a_protocol_is_found_by_its_name_with_and_without_its_version() -> None:
    path = protocol_path("digits-sew8")
    assert protocol_path(f"digits-sew8-v{read_protocol(path).version}") == path
    assert protocol_path("some/where.toml") == Path("some/where.toml")


def test_another_version_than_the_installed_one_is_named() -> None:
    with pytest.raises(ProtocolError, match=r"installed is digits-sew8-v\d+, not digits-sew8-v77"):
        protocol_path("digits-sew8-v77")


@pytest.mark.parametrize("name", ["digits-sew9", "digits-sew9-v1"])
def test_an_unknown_protocol_is_refused(name: str) -> None:
    with pytest.raises(PluginError, match=name):
        protocol_path(name)
