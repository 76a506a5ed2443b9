"""Forward passes reuse their memory instead of fetching it from the system page by page."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys
import torch
from snnbench.nn import sew_resnet8
from snnbench.nn.compiled import keep_memory
if sys.argv[1] == "kept":
    keep_memory()
model, images = sew_resnet8(32), torch.randn(32, 3, 32, 32)
with torch.inference_mode():
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        model(images)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how: str) -> list[int]:
    """Pages fetched in each of five forward passes of a process."""
    command = [sys.executable, "-c", SCRIPT, how]
    return [int(n) for n in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_memory_is_kept_between_forward_passes() -> None:
    fresh, kept = page_faults("fresh"), page_faults("kept")
    if min(fresh[2:]) < 1000:
        pytest.skip("this system keeps large blocks by itself")
    assert sum(kept[2:]) < sum(fresh[2:]) / 10
