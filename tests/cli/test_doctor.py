from __future__ import annotations

import json
from importlib import metadata

import pytest
import torch

from snnbench import native


@pytest.fixture(autouse=True)
def no_data(tmp_path, monkeypatch):
    monkeypatch.setenv("SNNBENCH_DATA", str(tmp_path / "data"))


def test_a_sound_machine(cli, own_cache):
    own_cache.mkdir()
    (own_cache / "things").write_bytes(bytes(1000))
    code, out, err = cli("doctor", "--json")
    found = json.loads(out)
    assert (code, err, found["broken"]) == (0, "", [])
    assert found["versions"]["torch"] == metadata.version("torch")
    assert found["versions"]["snnbench"] == metadata.version("snnbench")
    assert found["versions"]["torchmetrics"] == metadata.version("torchmetrics")
    assert "ray" not in found["versions"]
    assert found["devices"]["threads"] == torch.get_num_threads()
    assert found["cache"] == {"folder": str(own_cache), "files": 1, "bytes": 1000}
    states = {row["name"]: row["state"] for row in found["data"]["sets"]}
    assert states == {
        "cifar10": "not prepared",
        "cifar100": "not prepared",
        "cifar10c": "not prepared",
        "digits": "embedded",
    }
    assert found["plugins"]["quantizers"] >= 3


def test_the_same_in_words(cli):
    code, out, _ = cli("doctor")
    assert code == 0
    assert f"torch         {metadata.version('torch')}" in out.splitlines()
    assert out.endswith("\nnothing is broken\n")


def test_a_failed_plugin_is_broken(cli, install):
    install("snnbench-bad", "import no_such_module")
    code, out, _ = cli("doctor")
    assert code == 1
    assert out.splitlines()[-1].startswith("broken: plugin snnbench-bad 1.0: ModuleNotFoundError")


def test_damaged_data_is_broken(cli, tmp_path):
    folder = tmp_path / "data" / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    (folder / "test_batch.bin").write_bytes(b"short")
    code, out, _ = cli("doctor", "--json")
    found = json.loads(out)
    assert code == 1
    assert {"name": "cifar10", "state": "damaged"} in found["data"]["sets"]
    assert {"name": "cifar10c", "state": "damaged"} in found["data"]["sets"]
    assert len(found["broken"]) == 1, "files that data sets share are told of once"


def test_without_a_compiler(cli, monkeypatch):
    monkeypatch.setattr(native, "cpp_compiler", native.cpp_compiler.__wrapped__)
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    code, out, _ = cli("doctor")
    assert code == 0
    assert "compiler      none found; the compiled engine needs g++" in out.splitlines()


def test_the_compiler_is_the_one_that_builds_the_engine(cli, monkeypatch):
    monkeypatch.setattr(native, "cpp_compiler", native.cpp_compiler.__wrapped__)
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert json.loads(cli("doctor", "--json").out)["compiler"] is None


def test_a_missing_requirement_is_broken(cli, monkeypatch):
    required = metadata.requires
    monkeypatch.setattr(
        metadata, "requires", lambda name: [*required(name), "nowhere-to-be-found>=1", "x; extra == 'y'"]
    )
    code, out, _ = cli("doctor", "--json")
    found = json.loads(out)
    assert code == 1
    assert found["versions"]["nowhere-to-be-found"] is None
    assert found["broken"] == ["nowhere-to-be-found is not installed; install snnbench again"]
