"""`snnbench run` as a user types it: output, mistakes, Ctrl-C."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import snnbench

COMMAND = "import sys; from snnbench.__main__ import main; sys.exit(main())"
PROTOCOLS = Path(snnbench.__file__).parent / "protocols"


@pytest.fixture
def environment(session_cache: Path, tmp_path: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key != "SNNBENCH_DATA"}
    return {**kept, "SNNBENCH_CACHE": str(session_cache), "OMP_NUM_THREADS": "1", "XDG_DATA_HOME": str(tmp_path)}


@pytest.fixture
def run(cli: Callable, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable:
    """`snnbench run` in this process, with results in ``out`` and no data sets to be found."""
    monkeypatch.delenv("SNNBENCH_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", environment["XDG_DATA_HOME"])
    return lambda *words: cli("run", *words, "--out", str(tmp_path / "out"))


def test_json_is_all_there_is_on_stdout(run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    found = run("-q", "lqnet", "--bits", "2,4", "--json")
    assert found.code == 0, found.err
    records = json.loads(found.out)
    assert [record["cell"]["quantizer"]["bits"] for record in records] == [2, 4]
    assert 0 <= records[0]["metrics"]["accuracy"]["value"] <= 1
    assert "digits-sew8, since CIFAR-10 is not prepared" in found.err
    monkeypatch.setenv("COLUMNS", "80")
    table = run("-q", "lqnet")
    assert "reference" in table.out
    assert "Already measured" in table.err
    assert table.out.count("Record: ") == 1
    assert "Reused" not in table.out


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
def test_a_mistake_gets_one_line_and_exit_code_2(run: Callable, words: list[str], says: str) -> None:
    found = run(*words)
    assert found.code == 2
    assert says in found.err
    assert found.err.strip().splitlines()[-1].startswith("Error: ")
    assert not found.out


def test_the_process_ends_as_the_command_line_says(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "snnbench", "run", "-q", "lqnt"]
    found = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=100)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.startswith("Error: no quantizer 'lqnt'")


@pytest.mark.parametrize(
    ("change", "says"), [("unknown key", "unknown key 'colour'"), ("no toml", "not TOML"), ("weights", "altered")]
)
def test_an_altered_protocol_is_refused(run: Callable, tmp_path: Path, change: str, says: str) -> None:
    found = run("-q", "lqnet", "--protocol", str(altered_protocol(tmp_path, change)))
    assert found.code == 2
    assert says in found.err


def test_an_unwritable_folder_is_refused(cli: Callable, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = cli("run", "-q", "lqnet", "-p", "digits-sew8", "--out", str(tmp_path / "file" / "out"))
    assert found.code == 2
    assert "--out" in found.err


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a run with results in ``out``; it is killed at the end of the test."""
    started = []

    def start(*words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", COMMAND, "run", "-q", "lqnet", *words, "--out", str(tmp_path / "out")]
        # Tests started in the background inherit SIGINT as ignored, and so would what they start.
        inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            started.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
        finally:
            signal.signal(signal.SIGINT, inherited)
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=60)


def interrupt(process: subprocess.Popen[str], out: Path) -> None:
    """Press Ctrl-C: the process says so in a line, and leaves nothing half-done."""
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert errors.endswith("Interrupted.\n")
    assert "Traceback" not in errors
    assert not list(out.rglob("*.json"))
    assert not list(out.rglob(".unfinished-*"))


def test_control_c_leaves_no_record_and_exits_130(start: Callable, tmp_path: Path) -> None:
    process = start("--mode", "qat", "--engine", "eager")
    for line in process.stderr:
        if line.startswith("Fine-tuning"):
            break
    interrupt(process, tmp_path / "out")


def processor_seconds(process: subprocess.Popen[str]) -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


MOMENTS = [0.06, 0.12, 0.3, 0.8, 1.6]
MORE_MOMENTS = [0.05 + 0.1 * step for step in range(30)]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processor time is read from /proc")
@pytest.mark.parametrize("seconds", [*MOMENTS, *(pytest.param(s, marks=pytest.mark.slow) for s in MORE_MOMENTS)])
def test_control_c_at_any_moment(start: Callable, tmp_path: Path, seconds: float) -> None:
    # Processor time, since on a busy machine nothing may have happened after any time on the clock.
    process = start("-p", "digits-sew8")
    while processor_seconds(process) < seconds and process.poll() is None:
        time.sleep(0.001)
    interrupt(process, tmp_path / "out")
