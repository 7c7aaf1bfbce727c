"""Whose peak was it? From somebody's FLOP/s and MFU back to the catalogue's peaks."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mfu_planner.errors import InputError
from mfu_planner.hardware._index import index

_ROUNDING = 0.004
"""Differences within this are rounding of printed figures: 989 for 989.4, 40.4% for 40.43%."""
_WIDE = 0.1
"""A tolerance below this leaves most of the catalogue aside."""
_TRAINING_DTYPES = ("bf16", "fp16", "fp8", "tf32", "fp32", "fp16_fp16acc", "fp4", "fp8_fp16acc", "fp64", "fp64_matrix")


@dataclass(frozen=True, slots=True)
class PeakMatch:
    """A catalogue peak near the implied one."""

    accelerator_id: str
    dtype: str
    sparse: bool
    packages: int
    """How many devices' peak was divided by: more than 1 when somebody took the whole package."""
    flops_per_s: float
    """The peak that would have been divided by."""
    error: float
    """Implied ÷ this peak − 1."""


def implied_peak(flops_per_s: float, mfu: float, *, tolerance: float = 0.02) -> tuple[PeakMatch, ...]:
    """The catalogue's peaks that a stated rate and a stated MFU divide to, nearest first.

    Parameters
    ----------
    flops_per_s : achieved FLOP/s of one device, as stated.
    mfu : the MFU stated with it, a fraction.
    tolerance : largest relative difference to report; printed figures are rounded.

    Returns
    -------
    tuple of PeakMatch
        Nearest first (within rounding), then older devices first, dense before sparse, bf16 before other formats.
        Formats of one device with the same rate are told once.
    """
    if not (math.isfinite(flops_per_s) and flops_per_s > 0 and math.isfinite(mfu) and mfu > 0):
        raise InputError("implied peak", f"{flops_per_s} FLOP/s at {mfu}", "a positive rate and a positive MFU")
    implied = flops_per_s / mfu
    found: list[tuple[tuple[float, int, int, str, bool, int], PeakMatch]] = []
    rows = _peaks()
    start = bisect.bisect_left(rows, (implied / (1 + 2 * tolerance),)) if tolerance < _WIDE else 0
    for peak, name, dtype, sparse, packages, year in rows[start:]:
        if tolerance < _WIDE and peak > implied / (1 - 2 * tolerance):
            break
        if abs(error := implied / peak - 1) <= tolerance:
            match = PeakMatch(name, dtype, sparse, packages, peak, error)
            found.append((_order(match, year), match))
    found.sort(key=lambda pair: pair[0])
    first: dict[tuple[str, bool, float], PeakMatch] = {}
    for _, match in found:
        first.setdefault((match.accelerator_id, match.sparse, match.flops_per_s), match)
    return tuple(first.values())


_Row = tuple[float, str, str, bool, int, int]
_ROWS: dict[str, tuple[object, tuple[_Row, ...]]] = {}


def _peaks() -> tuple[_Row, ...]:
    """(peak, id, format, sparse, packages, year) of the catalogue, the smallest first; the last index's remembered."""
    held = index()["accelerators"]
    known = _ROWS.get("last")
    if known is None or known[0] is not held:
        known = _ROWS["last"] = held, tuple(sorted(_rows(held)))
    return known[1]


def _rows(accelerators: dict[str, Any]) -> Iterator[_Row]:
    for record in accelerators.values():
        whole = record["devices_per_package"]
        for dtype, peak in record["peak"].items():
            for sparse, value in ((False, peak["dense"]), (True, peak["sparse"])):
                if dtype in _TRAINING_DTYPES and value is not None:
                    for packages in (1, whole) if whole > 1 else (1,):
                        yield value * packages, record["id"], dtype, sparse, packages, record["year"]


def _order(match: PeakMatch, year: int) -> tuple[float, int, int, str, bool, int]:
    near = abs(match.error) // _ROUNDING
    return (near, match.packages, year, match.accelerator_id, match.sparse, _TRAINING_DTYPES.index(match.dtype))
