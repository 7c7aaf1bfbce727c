"""How a whole number depends on the sizes of a batch: the shortest sum of products of sizes that gives it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import combinations

from mfu_planner.recording.inputs import BatchSizes

Terms = tuple[tuple[str, int], ...]
"""(letters that are multiplied, whole coefficient): (("bs", 4), ("bss", 2)) is 4·b·s + 2·b·s²."""
_INNER = ("", "s", "ss", "t", "tt", "st", "i", "is", "it", "ii", "c", "cs", "ct", "cc")
_MOST_TERMS = 3


class Fitter:
    """Fits values that were seen at given sizes; what was fitted once is remembered.

    Parameters
    ----------
    points
        The sizes, more of them than any sum has terms.
    letters
        BatchSizes that are in play beside the batch.
    chunks
        Lengths in whose multiples the code may work: ``s`` then counts them, rounded up.
    """

    def __init__(self, points: Sequence[BatchSizes], letters: Iterable[str], chunks: Iterable[int] = ()) -> None:
        allowed = {"", *letters}
        inner = [one for one in _INNER if set(one) <= allowed]
        self._batched = ["b" + one for one in inner]
        self._others = [*inner, "bb"]
        self._points = points
        self._chunks = (0, *(chunks if "s" in allowed else ()))
        self._seen: dict[tuple[int, ...], tuple[Terms, int] | None] = {}

    def fit(self, values: Sequence[int]) -> tuple[Terms, int] | None:
        """The terms and the chunk that they count in (0: positions); None where no sum fits."""
        key = tuple(values)
        if key not in self._seen:
            self._seen[key] = self._found(key)
        return self._seen[key]

    def _found(self, values: tuple[int, ...]) -> tuple[Terms, int] | None:
        if not any(values):
            return (), 0
        for most in range(1, _MOST_TERMS + 1):
            for chunk in self._chunks:
                for letters in self._sums(most, chunk):
                    found = _solve([[_value(one, p, chunk) for one in letters] for p in self._points], values)
                    if found is not None:
                        return tuple(zip(letters, found, strict=True)), chunk
        return None

    def _sums(self, most: int, chunk: int) -> Iterator[tuple[str, ...]]:
        if most > max(1, len(self._points) - 2):
            return
        yield from (one for one in combinations(self._batched, most) if not chunk or any("s" in x for x in one))
        if most < _MOST_TERMS and not chunk:
            yield from (
                one for one in combinations([*self._batched, *self._others], most) if not set(one) <= set(self._batched)
            )


def _value(letters: str, sizes: BatchSizes, chunk: int) -> int:
    return math.prod(-(-sizes.s // chunk) if letter == "s" and chunk else getattr(sizes, letter) for letter in letters)


def _solve(rows: list[list[int]], values: Sequence[int]) -> list[int] | None:
    """Whole coefficients, none of them 0, that satisfy every row; None where there are none."""
    width = len(rows[0])
    if width == 1:
        first_row, value = next(((r[0], v) for r, v in zip(rows, values, strict=True) if r[0]), (0, 0))
        if not first_row or value % first_row:
            return None
        found = value // first_row
        return [found] if found and all(r[0] * found == v for r, v in zip(rows, values, strict=True)) else None
    matrix = [[Fraction(x) for x in (*row, value)] for row, value in zip(rows, values, strict=True)]
    for place in range(width):
        pivot = next((n for n in range(place, len(matrix)) if matrix[n][place]), None)
        if pivot is None:
            return None
        matrix[place], matrix[pivot] = matrix[pivot], matrix[place]
        first = matrix[place][place]
        matrix[place] = [x / first for x in matrix[place]]
        for n, row in enumerate(matrix):
            if n != place and row[place]:
                factor = row[place]
                matrix[n] = [x - factor * y for x, y in zip(row, matrix[place], strict=True)]
    if any(row[width] for row in matrix[width:]):
        return None
    answer = [matrix[n][width] for n in range(width)]
    whole = all(x.denominator == 1 and x for x in answer)
    return [int(x) for x in answer] if whole else None
