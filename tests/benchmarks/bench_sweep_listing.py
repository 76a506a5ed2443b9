"""Listing a folder of 10,000 records, as the command, with and without what an earlier listing left in the cache."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RECORDS = 10_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real records but for key and seed."""
    out = tmp_path_factory.mktemp("results")
    command = ["run", "-q", "uniform", "-b", "4", "-p", "digits-sew8", "--limit", "50", "--out", str(out)]
    subprocess.run([sys.executable, "-m", "snnbench", *command], check=True, timeout=600, capture_output=True)
    (source,) = out.glob("*/*/record.json")
    record = json.loads(source.read_bytes())
    for seed in range(RECORDS - 1):
        record["cell"]["seed"], record["key"] = seed, hashlib.sha256(bytes(str(seed), "ascii")).hexdigest()
        directory = source.parents[1] / f"copy-{seed}"
        directory.mkdir()
        (directory / source.name).write_text(json.dumps(record, indent=1), "ascii")
    return out


@pytest.mark.timeout(900)
@pytest.mark.parametrize("remembered", [True, False], ids=["again", "first time"])
def bench_list(benchmark, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, remembered: bool):
    monkeypatch.setenv("SNNBENCH_CACHE", str(tmp_path))
    command = [sys.executable, "-m", "snnbench", "results", "list", str(folder)]

    def forget() -> None:
        if not remembered:
            shutil.rmtree(tmp_path / "listings", ignore_errors=True)

    listed = benchmark.pedantic(
        subprocess.run,
        (command,),
        {"capture_output": True, "check": True, "timeout": 300},
        setup=forget,
        rounds=3,
        warmup_rounds=1,
    )
    assert listed.stdout.count(b"\n") == RECORDS + 1
    benchmark.extra_info.update(
        work=f"results list, {RECORDS} records, {'again' if remembered else 'the first time'}",
        peer="2 s",
        ratio=benchmark.stats.stats.min / 2,
        target="<= 1",
    )
