"""Holm's correction, against its definition test by test."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from snnbench.functional import holm

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30).map(np.array)


@given(P_VALUES, st.sampled_from([0.01, 0.05, 0.2]))
def test_it_rejects_what_going_down_step_by_step_rejects(p_values: np.ndarray, level: float) -> None:
    rejected = np.zeros(len(p_values), bool)
    for step, place in enumerate(np.argsort(p_values, kind="stable")):
        if (len(p_values) - step) * p_values[place] > level:
            break
        rejected[place] = True
    assert ((holm(p_values) <= level) == rejected).all()


@given(P_VALUES)
def test_it_never_makes_a_test_bolder_and_keeps_their_order(p_values: np.ndarray) -> None:
    adjusted = holm(p_values)
    assert (adjusted >= p_values).all()
    assert (np.diff(adjusted[p_values.argsort(kind="stable")]) >= 0).all()
