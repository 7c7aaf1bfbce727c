"""Interval arithmetic against counting on an integer grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfu_planner.observe.traces.intervals import clip, gaps, measure_until, merge

INTERVALS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=12)


def cells(pairs: list[tuple[int, int]]) -> set[int]:
    """The unit cells that any interval covers."""
    return {x for start, length in pairs for x in range(start, start + length)}


def arrays(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    start = np.array([s for s, _ in pairs], float)
    return start, start + np.array([n for _, n in pairs], float)


@given(INTERVALS)
@settings(max_examples=150, deadline=None)
def test_union_counts_each_cell_once(pairs):
    """The union's length is the number of covered cells; its members are sorted, apart, and opened by an input row."""
    start, end = arrays(pairs)

    merged = merge(start, end)

    assert len(cells(pairs)) == merged.total
    assert np.all(merged.start[1:] > merged.end[:-1])
    assert np.array_equal(start[merged.first], merged.start)


@given(INTERVALS, st.integers(0, 80), st.integers(0, 80))
@settings(max_examples=150, deadline=None)
def test_overlap_is_a_difference_of_measures(pairs, a, b):
    """measure(high) − measure(low) = covered cells in [low, high)."""
    low, high = sorted((a, b))
    merged = merge(*arrays(pairs))

    until = measure_until(merged, np.array([float(low), float(high)]))

    assert len(cells(pairs) & set(range(low, high))) == until[1] - until[0]


@given(INTERVALS, st.integers(0, 80), st.integers(0, 80))
@settings(max_examples=150, deadline=None)
def test_gaps_and_union_fill_the_window(pairs, a, b):
    """Busy and idle add up to the window."""
    low, high = sorted((a, b))
    merged = merge(*clip(*arrays(pairs), low, high))

    start, end = gaps(merged, low, high)

    assert high - low == pytest.approx(merged.total + float((end - start).sum()))
