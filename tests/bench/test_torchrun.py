"""One cell on two processes: the record of one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from oracles.records import measured

PTQ = ("--quantizer", "lqnet", "--bits", "2,4", "--protocol", "digits-sew8")
QAT = ("--quantizer", "uniform", "--bits", "3", "--mode", "qat", "--protocol", "digits-sew8")
MEMBRANE = (*PTQ, "--membrane", "uniform")


def snnbench(*command: str | Path, cache: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "SNNBENCH_CACHE": str(cache)}
    told = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=300,
    )
    assert told.returncode == 0, told.stderr


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [PTQ, MEMBRANE, QAT], ids=["ptq", "membrane", "qat"])
def test_two_processes_give_the_record_of_one(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    snnbench("snnbench", "run", *arguments, "--out", one, cache=tmp_path / "cache-one")
    launcher = ("torch.distributed.run", "--nproc-per-node", "2", "-m", "snnbench")
    snnbench(*launcher, "run", *arguments, "--out", two, cache=tmp_path / "cache-two")
    assert measured(one)
    assert measured(two) == measured(one)
