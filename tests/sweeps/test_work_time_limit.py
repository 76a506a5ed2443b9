"""The time limit of a cell, where the exception is raised in a callback that loses it."""

from __future__ import annotations

import gc
import time

import pytest

from snnbench.sweeps.executors.work import OutOfTime, _limited


def _run_for(limit: float) -> None:
    with _limited(limit):
        gc.collect()
        time.sleep(30)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_limit_that_falls_into_a_callback_still_ends_the_cell() -> None:
    def slow(phase: str, info: dict[str, int]) -> None:
        time.sleep(0.5)

    gc.callbacks.append(slow)
    started = time.monotonic()
    try:
        with pytest.raises(OutOfTime, match=r"longer than the 0\.1 s"):
            _run_for(0.1)
    finally:
        gc.callbacks.remove(slow)
    assert time.monotonic() - started < 20
