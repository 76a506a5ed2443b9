"""The compiled engine: batch norm, neuron and spike count in one pass over memory, in C++ built where it runs."""

from snnbench.nn.fused.build import why_not_compiled
from snnbench.nn.fused.memory import keep_memory
from snnbench.nn.fused.optimize import optimize

__all__ = ["keep_memory", "optimize", "why_not_compiled"]
