"""The compiled engine: batch norm, neuron and spike count in one pass over memory, in C++ built where it runs."""

from snnbench.nn.compiled.build import why_not_compiled
from snnbench.nn.compiled.memory import keep_memory
from snnbench.nn.compiled.optimize import optimize

__all__ = ["keep_memory", "optimize", "why_not_compiled"]
