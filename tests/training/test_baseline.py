"""A protocol's document, found by name, by name and version, or by path; and the file of its weights."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file

from snnbench.errors import PluginError, ProtocolError
from snnbench.plugins import catalogue
from snnbench.protocols import Baseline, Protocol, read_protocol
from snnbench.protocols.released import RELEASED
from snnbench.records.network_file import unpack_network
from snnbench.training.baseline import build_model, protocol_path, read_weights, save_weights


def test_weights_are_stored_as_the_document_says_and_the_network_then_has_them(tmp_path: Path) -> None:
    document = read_protocol(protocol_path("digits-sew8"))
    model = build_model(document, catalogue().datasets["digits"].value)
    exact = {name: value.clone() for name, value in model.state_dict().items()}
    save_weights(model, document, 0, tmp_path / "exact.safetensors")
    assert all(torch.equal(value, exact[name]) for name, value in model.state_dict().items())
    kept = unpack_network((tmp_path / "exact.safetensors").read_bytes())  # as cells of an own protocol read it
    assert all(torch.equal(value, exact[name]) for name, value in kept.items())

    half = document.model_copy(update={"train": document.train.model_copy(update={"weights": "float16"})})
    save_weights(model, half, 0, tmp_path / "half.safetensors")
    stored = load_file(tmp_path / "half.safetensors")
    for name, value in model.state_dict().items():
        matrix = value.ndim > 1
        assert stored[name].dtype == (torch.float16 if matrix else value.dtype)
        assert torch.equal(value, exact[name].half().float() if matrix else exact[name])
    digest = hashlib.sha256((tmp_path / "half.safetensors").read_bytes()).hexdigest()
    read = read_weights(half, Baseline(seed=0, file="half.safetensors", sha256=digest, accuracy=1.0), tmp_path)
    assert all(
        torch.equal(value, read[name]) and value.dtype == read[name].dtype for name, value in model.state_dict().items()
    )
    assert half.recipe == document.recipe
    assert half.fingerprint != document.fingerprint


def test_fine_tuned_weights_are_not_rounded() -> None:
    document = read_protocol(protocol_path("digits-sew8")).model_dump()
    document["finetune"]["weights"] = "float16"
    with pytest.raises(ValidationError, match=r"weights goes to \[train\]"):
        Protocol.model_validate(document)


_SHA_OF_THE_SAME_WEIGHTS = """
import sys
from pathlib import Path
from snnbench.plugins import catalogue
from snnbench.protocols import read_protocol
from snnbench.training.baseline import build_model, protocol_path, save_weights
import torch
torch.manual_seed(0)
document = read_protocol(protocol_path("digits-sew8"))
print(save_weights(build_model(document, catalogue().datasets["digits"].value), document, 0, Path(sys.argv[1])))
"""


def test_the_same_weights_have_the_same_sha_in_every_process(tmp_path: Path) -> None:
    run = [sys.executable, "-c", _SHA_OF_THE_SAME_WEIGHTS, str(tmp_path / "weights.safetensors")]
    assert len({subprocess.run(run, check=True, capture_output=True).stdout for _ in range(3)}) == 1


@pytest.mark.parametrize("path", [entry.value for entry in catalogue().protocols.values()], ids=lambda p: p.parent.name)
def test_a_protocol_that_ships_is_that_which_was_released_and_has_its_weights(path: Path) -> None:
    document = read_protocol(path)
    assert RELEASED.get(f"{document.name}-v{document.version}") in (None, document.fingerprint)
    for baseline in document.baselines:
        assert read_weights(document, baseline, path.parent)


def test_weights_that_are_nowhere_are_named_where_they_should_be(tmp_path: Path) -> None:
    document = read_protocol(protocol_path("cifar10-sew8-v4"))
    (tmp_path / "cifar10-sew8").mkdir()
    (tmp_path / "cifar10-sew8" / "seed0.safetensors").write_bytes(b"others")
    with pytest.raises(ProtocolError, match=r"here.seed0\.safetensors' of protocol 'cifar10-sew8' cannot be read"):
        read_weights(document, document.baselines[0], tmp_path / "here")


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
