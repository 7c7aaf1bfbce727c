"""Arithmetic of half-open time intervals: unions, gaps, overlaps.

An interval set is a pair of float64 arrays (starts, ends); *merged* means sorted, disjoint and without empty members.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]
    Ints = NDArray[np.int64]


class Merged(NamedTuple):
    """Sorted, disjoint intervals; ``first`` is the row of the input that opens each of them."""

    start: Floats
    end: Floats
    first: Ints

    @property
    def total(self) -> float:
        """The length of the union."""
        return float((self.end - self.start).sum())


def merge(start: Floats, end: Floats) -> Merged:
    """Union of intervals; intervals that touch become one, empty ones vanish.

    Examples
    --------
    >>> merge(np.array([4.0, 0.0, 1.0]), np.array([5.0, 2.0, 3.0])).total
    4.0
    """
    keep = np.flatnonzero(end > start)
    order = keep[np.argsort(start[keep], kind="stable")]
    if not len(order):
        none = np.empty(0)
        return Merged(none, none, np.empty(0, np.int64))
    begin = start[order]
    reach = np.maximum.accumulate(end[order])
    opens = np.concatenate(([True], begin[1:] > reach[:-1]))
    heads = np.flatnonzero(opens)
    tails = np.concatenate((heads[1:], [len(order)])) - 1
    return Merged(begin[heads], reach[tails], order[heads])


def clip(start: Floats, end: Floats, low: float, high: float) -> tuple[Floats, Floats]:
    """The parts of the intervals that lie in ``[low, high)``; those outside become empty."""
    return np.clip(start, low, high), np.clip(end, low, high)


def measure_until(merged: Merged, at: Floats) -> Floats:
    """Length of a merged set before each time ``at``: differences of it are overlaps with any interval.

    Examples
    --------
    >>> busy = merge(np.array([0.0, 10.0]), np.array([4.0, 12.0]))
    >>> measure_until(busy, np.array([2.0, 11.0])).tolist()
    [2.0, 5.0]
    """
    if not len(merged.start):
        return np.zeros_like(at)
    before = np.concatenate(([0.0], np.cumsum(merged.end - merged.start)))
    row = np.searchsorted(merged.start, at, side="right")
    inside = np.minimum(at - merged.start[np.maximum(row - 1, 0)], (merged.end - merged.start)[np.maximum(row - 1, 0)])
    return np.where(row > 0, before[np.maximum(row - 1, 0)] + inside, 0.0)


def gaps(merged: Merged, low: float, high: float) -> tuple[Floats, Floats]:
    """What a merged set leaves free of ``[low, high)``; the set must lie inside it."""
    start = np.concatenate(([low], merged.end))
    end = np.concatenate((merged.start, [high]))
    keep = end > start
    return start[keep], end[keep]
