"""Where cells are computed: in this process, in worker processes of this machine, or on a Ray cluster."""

from snnbench.sweep.executors.base import Executor
from snnbench.sweep.executors.choose import make_executor

__all__ = ["Executor", "make_executor"]
