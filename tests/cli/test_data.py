"""The verbs of ``snnbench data``, with the exit code and the one line that a mistake gets."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
from types import SimpleNamespace

import pytest

from snnbench import plugins
from snnbench.cli.main import main
from snnbench.data import Dataset
from snnbench.plugins import Shelf, catalogue
from snnbench.plugins.offers import Offer


@pytest.fixture
def snnbench(capfd, monkeypatch):
    """Runs a command line; gives its exit code, what it printed, and its errors."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["snnbench", *map(str, arguments)])
        try:
            code = main()
        except SystemExit as end:
            code = end.code
        return code, *capfd.readouterr()

    return run


@pytest.fixture
def plug(monkeypatch):
    """Makes a data set known, as if a plugin brought it."""
    digits = catalogue().datasets["digits"]

    def plug(dataset: Dataset) -> None:
        offered = {"digits": digits.value, dataset.name: dataset}
        plugin = SimpleNamespace(ask=lambda kind: (offered, ()), faults=())
        installed = SimpleNamespace(
            unreadable=(),
            built_in=lambda kind: [(digits.source, Offer(tuple(offered), ()))],
            others=lambda kind: [],
            plugin=lambda source: plugin,
            ask_again=lambda: None,
        )
        monkeypatch.setattr(plugins, "catalogue", lambda: SimpleNamespace(datasets=Shelf("datasets", installed)))

    return plug


@pytest.fixture
def plugged(fake, plug):
    plug(fake.dataset)
    return fake


def test_prepare_list_verify(snnbench, plugged, tmp_path):
    root = tmp_path / "root"
    assert snnbench("data", "list", "--data", root, "--json")[0] == 0
    made = plugged.write_pickle(tmp_path / "made")
    code, out, err = snnbench("data", "prepare", "fake", "--from", made, "--data", root)
    assert (code, err) == (0, "")
    assert out == f"fake is prepared in {root}/fake-py; its content is as published\n"
    code, out, _ = snnbench("data", "verify", "fake", "--data", root, "--json")
    splits = [
        {"split": split, "images": count, "fingerprint": plugged.dataset.fingerprints[split]}
        for split, count in (("train", 6), ("test", 2))
    ]
    assert (code, json.loads(out)) == (0, {"name": "fake", "folder": f"{root}/fake-py", "splits": splits})
    assert "as published" in snnbench("data", "verify", "fake", "--data", root)[1]


def states(snnbench, root):
    code, out, _ = snnbench("data", "list", "--data", root, "--json")
    assert code == 0
    return {row["name"]: row["state"] for row in json.loads(out)}


def test_list_tells_the_state(snnbench, plugged, tmp_path):
    assert states(snnbench, tmp_path) == {"digits": "embedded", "fake": "not prepared"}
    folder = plugged.write_binary(tmp_path)
    assert states(snnbench, tmp_path) == {"digits": "embedded", "fake": "prepared"}
    assert "prepared" in snnbench("data", "list", "--data", tmp_path)[1]
    (folder / "two.bin").unlink()
    assert states(snnbench, tmp_path)["fake"] == f"damaged: {folder}/two.bin is missing"


def test_embedded_data_need_no_preparation(snnbench, tmp_path):
    assert snnbench("data", "prepare", "digits") == (
        0,
        "digits comes with a package: there is nothing to prepare\n",
        "",
    )
    code, _, err = snnbench("data", "prepare", "digits", "--from", tmp_path)
    assert (code, err) == (2, "Error: digits comes with a package: there is nothing to download or import\n")
    assert "1,437" in snnbench("data", "verify", "digits")[1]


@pytest.mark.parametrize("verb", ["prepare", "verify"])
def test_unknown_names(snnbench, verb):
    code, out, err = snnbench("data", verb, "cifar-10")
    assert (code, out) == (2, "")
    assert err.startswith("Error: no data set 'cifar-10'; did you mean 'cifar10'")


def test_mistakes_get_one_line(snnbench, plugged, tmp_path):
    folder = plugged.write_binary(tmp_path / "root")
    os.truncate(folder / "one.bin", 146)
    code, out, err = snnbench("data", "verify", "fake", "--data", tmp_path / "root")
    assert (code, out) == (2, "")
    truncated = f"{folder}/one.bin is truncated or altered: it has 146 bytes instead of 147"
    assert err == f"Error: {truncated}; remove {folder} and run 'snnbench data prepare fake'\n"
    code, out, err = snnbench("data", "verify", "fake", "--data", tmp_path / "none")
    assert (code, out) == (2, "")
    assert err.startswith(f"Error: fake is not prepared in {tmp_path}/none: run 'snnbench data prepare fake', or ")
    code, out, err = snnbench("data", "prepare", "fake", "--from", tmp_path / "none", "--data", tmp_path / "other")
    assert (code, out, err) == (2, "", f"Error: there is no {tmp_path}/none to import from\n")


def test_nothing_of_torch_is_imported(tmp_path):
    program = (
        "import sys; from snnbench.cli.main import main; sys.argv[1:] = ['data', 'verify', 'digits']; code = main(); "
        "assert 'torch' not in sys.modules; sys.exit(code)"
    )
    environment = {**os.environ, "SNNBENCH_CACHE": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment, stdout=subprocess.DEVNULL, timeout=100)


def test_a_download_shows_its_progress(snnbench, make_fake, plug, tmp_path, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    archive = tmp_path / "fake.tar.gz"
    with tarfile.open(archive, "w:gz") as content:
        content.add(make_fake().write_binary(tmp_path / "made"), "fake-bin")
    md5 = hashlib.md5(archive.read_bytes()).hexdigest()
    plug(make_fake(url=archive.as_uri(), md5=md5).dataset)
    code, out, err = snnbench("data", "prepare", "fake", "--data", tmp_path / "data")
    assert (code, out) == (0, f"fake is prepared in {tmp_path}/data/fake-bin; its content is as published\n")
    assert "Downloading fake" in err
