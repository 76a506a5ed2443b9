"""Work on large arrays by as many threads as torch uses."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar

import torch

Job = TypeVar("Job")
Result = TypeVar("Result")
_PARALLEL = 2**20  # elements from which threads are worth waking


def in_threads(work: Callable[[Job], Result], jobs: Sequence[Job], elements: int) -> list[Result]:
    """`work` on each job, by as many threads as torch uses; what they do on large arrays runs at the same time.

    This thread takes the first share: waking one costs as much as counting a small layer.
    """
    threads = torch.get_num_threads()
    shares = min(threads, len(jobs))
    if shares == 1 or elements < _PARALLEL:
        return [work(job) for job in jobs]
    ends = [len(jobs) * part // shares for part in range(shares + 1)]
    mine, *others = (jobs[start:end] for start, end in pairwise(ends))
    pool = _pool(os.getpid(), threads - 1)
    waited_for = [pool.submit(lambda share: [work(job) for job in share], share) for share in others]
    results = [work(job) for job in mine]
    return results + [result for share in waited_for for result in share.result()]


@lru_cache(maxsize=1)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """Threads of this process: a process that forked has none of its parent's."""
    return ThreadPoolExecutor(threads, thread_name_prefix="snnbench-count")
