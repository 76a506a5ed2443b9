"""`snnbench run` as a user types it: output, mistakes, Ctrl-C."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import snnbench

PROTOCOLS = Path(snnbench.__file__).parent / "protocols"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key != "SNNBENCH_DATA"}
    return {**kept, "SNNBENCH_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1", "XDG_DATA_HOME": str(tmp_path)}


def snnbench_run(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snnbench", "run", *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=100)


def test_json_is_all_there_is_on_stdout(environment: dict[str, str], tmp_path: Path) -> None:
    found = snnbench_run(environment, "-q", "lqnet", "--bits", "2,4", "--json", "--out", str(tmp_path / "out"))
    assert found.returncode == 0, found.stderr
    records = json.loads(found.stdout)
    assert [record["cell"]["quantizer"]["bits"] for record in records] == [2, 4]
    assert 0 <= records[0]["metrics"]["accuracy"]["value"] <= 1
    assert "digits-sew8, since CIFAR-10 is not prepared" in found.stderr
    table = snnbench_run({**environment, "COLUMNS": "80"}, "-q", "lqnet", "--out", str(tmp_path / "out"))
    assert "reference" in table.stdout
    assert "Already measured" in table.stderr
    assert "Reused: " in table.stdout


def altered_protocol(tmp_path: Path, change: str) -> Path:
    folder = tmp_path / "protocol"
    shutil.copytree(PROTOCOLS / "digits-sew8", folder)
    document = folder / "protocol.toml"
    if change == "unknown key":
        document.write_text('colour = "red"\n' + document.read_text())
    elif change == "no toml":
        document.write_text("name = ")
    else:
        weights = folder / "seed0.safetensors"
        content = bytearray(weights.read_bytes())
        content[-5] ^= 1
        weights.write_bytes(content)
    return document


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["-q", "lqnt"], "'lqnt'"),
        (["-q", "lqnet", "--bits", "0"], "bits=0"),
        (["-q", "lqnet", "--bits", "33"], "bits=33"),
        (["-q", "lqnet", "--bits", "four"], "'four'"),
        (["-q", "lqnet", "--option", "clp=wide"], "'clp'"),
        (["-q", "lqnet", "--option", "clip"], "key=value"),
        (["-q", "lqnet", "--protocol", "digit-sew8"], "'digit-sew8'"),
        (["-q", "lqnet", "--protocol", "cifar10-sew8"], "snnbench data prepare cifar10"),
        (["-q", "lqnet", "--mode", "qta"], "qta"),
        (["-q", "lqnet", "--weights", "none.safetensors"], "--model"),
        (["-q", "lqnet", "--device", "cud"], "cud"),
        ([], "--quantizer"),
    ],
)
def test_a_mistake_gets_one_line_and_exit_code_2(
    environment: dict[str, str], tmp_path: Path, words: list[str], says: str
) -> None:
    found = snnbench_run(environment, *words, "--out", str(tmp_path / "out"))
    assert found.returncode == 2
    assert says in found.stderr
    assert found.stderr.strip().splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in found.stderr
    assert not found.stdout


@pytest.mark.parametrize(
    ("change", "says"), [("unknown key", "unknown key 'colour'"), ("no toml", "not TOML"), ("weights", "altered")]
)
def test_an_altered_protocol_is_refused(environment: dict[str, str], tmp_path: Path, change: str, says: str) -> None:
    document = altered_protocol(tmp_path, change)
    found = snnbench_run(environment, "-q", "lqnet", "--protocol", str(document), "--out", str(tmp_path / "out"))
    assert found.returncode == 2
    assert says in found.stderr


def test_an_unwritable_folder_is_refused(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = snnbench_run(environment, "-q", "lqnet", "--out", str(tmp_path / "file" / "out"))
    assert found.returncode == 2
    assert "--out" in found.stderr


def test_control_c_leaves_no_record_and_exits_130(environment: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "snnbench", "run", "-q", "lqnet", "--mode", "qat", "--out", str(out)]
    # Tests started in the background inherit SIGINT as ignored, and so would what they start.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, inherited)
    for line in process.stderr:
        if line.startswith("Fine-tuning"):
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert not list(out.rglob("*.json"))
    assert not list(out.rglob(".unfinished-*"))
