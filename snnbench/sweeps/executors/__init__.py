"""Where cells are computed: in this process, in worker processes of this machine, or on a Ray cluster."""

from snnbench.sweeps.executors.base import Executor
from snnbench.sweeps.executors.choose import make_executor

__all__ = ["Executor", "make_executor"]
