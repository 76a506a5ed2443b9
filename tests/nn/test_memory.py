"""Large blocks are fetched from the system once, not at every use."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys
import torch
from snnbench.nn.fused import keep_memory
if sys.argv[1] == "kept":
    keep_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.zeros(16, 1 << 20).add_(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(*[faults() for _ in range(5)])
"""
PAGES = (16 << 22) // 4096


def page_faults(how: str) -> list[int]:
    command = [sys.executable, "-c", SCRIPT, how]
    return [int(n) for n in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_blocks_are_kept() -> None:
    fresh, kept = page_faults("fresh"), page_faults("kept")
    if min(fresh[1:]) < PAGES / 64:
        pytest.skip("this system keeps large blocks by itself")
    assert max(kept[1:]) < min(fresh[1:]) / 10
