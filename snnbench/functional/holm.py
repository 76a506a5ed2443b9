"""Holm's correction: many tests at once, of which none may err more often than one alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjusted p-values (n,) of n tests: rejecting those below 5 % errs at all in at most 5 % of the cases.

    Source: Holm 1979, A simple sequentially rejective multiple test procedure, Scandinavian J. of Statistics 6.
    """
    order = p_values.argsort(kind="stable")
    left = len(p_values) - np.arange(len(p_values))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(left * p_values[order]))
    return adjusted
