"""How long a user waits before the first line of output, and for the options of a cell to be checked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from snnbench.options import validate
from snnbench.plugins import Catalogue, catalogue

COMMAND = Path(sys.executable).with_name("snnbench")


@pytest.mark.parametrize("arguments", [["--help"], ["plugins", "list"]], ids=" ".join)
def bench_command(benchmark, arguments):
    benchmark.pedantic(
        subprocess.run, ([COMMAND, *arguments],), {"stdout": subprocess.DEVNULL, "check": True}, rounds=5
    )


def bench_catalogue(benchmark):
    assert "lqnet" in benchmark(lambda: Catalogue().quantizers)


def bench_options(benchmark):
    entry = catalogue().quantizers["uniform"]
    assert benchmark(validate, entry, entry.value, {"clip": "wide"}, bits="4")["bits"] == 4
