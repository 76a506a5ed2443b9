"""Forward passes reuse their memory instead of fetching it from the system page by page."""

from __future__ import annotations

import platform
import subprocess
import sys
from statistics import median

import pytest

SCRIPT = """
import resource
import torch
from snnbench.nn import sew_resnet8
from snnbench.nn.compiled import keep_memory
model, images = sew_resnet8(32), torch.randn(8, 3, 32, 32)
with torch.inference_mode():
    for number in range(13):
        if number == 5:
            keep_memory()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        model(images)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults() -> list[int]:
    """Pages fetched in each of five forward passes of a process, and of eight more with memory kept."""
    command = [sys.executable, "-c", SCRIPT]
    return [int(n) for n in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_memory_is_kept_between_forward_passes() -> None:
    pages = page_faults()
    fresh, kept = pages[:5], pages[5:]
    if min(fresh[2:]) < 1000:
        pytest.skip("this system keeps large blocks by itself")
    assert median(kept[2:]) < median(fresh[2:]) / 10
