"""Solving the run's equations for whatever is unknown: numbers, arrays of numbers, or symbols.

The logarithms of the relations are linear, so elimination over exact fractions gives every determined quantity as a
product of powers of the given ones, and every relation that the given values must satisfy among themselves.  Which
closed forms result depends only on *which* quantities are given: they are worked out once for each such set.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from mfu_planner.run.relations import QUANTITIES, RELATIONS, SUMS, Sum

TOLERANCE = 1e-6
"""Values that disagree by more than this (relative) contradict each other."""

Exponents = tuple[tuple[str, int | Fraction], ...]


@dataclass(frozen=True, slots=True)
class PowerProduct:
    """A product of powers of given quantities: the closed form of one unknown."""

    powers: Exponents

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """Evaluate on floats, arrays or sympy symbols."""
        result: Any = 1
        for name, power in self.powers:
            result = result * values[name] ** power
        return result

    @property
    def names(self) -> tuple[str, ...]:
        """The quantities that it is made of."""
        return tuple(name for name, _ in self.powers)


@dataclass(frozen=True, slots=True)
class ClosedForms:
    """What a set of given quantities determines."""

    solved: dict[str, PowerProduct]
    checks: tuple[PowerProduct, ...]
    """Products of given quantities that must equal 1."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Given values that cannot hold together."""

    names: tuple[str, ...]
    off_by: float
    """How far the product of their powers is from 1, as a factor minus 1."""


@lru_cache(maxsize=1024)
def closed_forms(given: frozenset[str]) -> ClosedForms:
    """Closed forms of every quantity that ``given`` determines, and the conditions among ``given``."""
    unknown = [name for name in QUANTITIES if name not in given]
    rows = [{name: Fraction(power) for name, power in relation.exponents.items()} for relation in RELATIONS]
    pivots: dict[str, dict[str, Fraction]] = {}
    for name in unknown:
        row = next((r for r in rows if r.get(name)), None)
        if row is None:
            continue
        rows.remove(row)
        row = {other: power / row[name] for other, power in row.items()}
        rows = [_without(r, name, row) for r in rows]
        pivots = {other: _without(r, name, row) for other, r in pivots.items()}
        pivots[name] = row
    solved = {
        name: PowerProduct(tuple((n, _plain(-p)) for n, p in row.items() if n != name))
        for name, row in pivots.items()
        if all(n in given for n in row if n != name)
    }
    checks = tuple(PowerProduct(tuple((n, _plain(p)) for n, p in row.items())) for row in rows if row)
    return ClosedForms(solved, checks)


def _plain(power: Fraction) -> int | Fraction:
    return power.numerator if power.denominator == 1 else power


def _without(row: dict[str, Fraction], name: str, pivot: dict[str, Fraction]) -> dict[str, Fraction]:
    factor = row.get(name)
    if not factor:
        return row
    merged = {n: row.get(n, Fraction(0)) - factor * pivot.get(n, Fraction(0)) for n in {**row, **pivot}}
    return {n: p for n, p in merged.items() if p}


def solve(given: Mapping[str, Any], wanted: Iterable[str] | None = None) -> dict[str, Any]:
    """Every quantity that the given ones determine, the given ones included (they are not checked).

    Parameters
    ----------
    given : floats in SI units, or float64 arrays that broadcast against each other.
    wanted : the quantities to work out, where not all are needed; those that are not determined are left out.
    """
    known = _summed(given)
    forms = closed_forms(frozenset(known)).solved
    names = forms if wanted is None else [name for name in wanted if name in forms]
    return {**known, **{name: number(forms[name], known) for name in names}}


def _summed(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The given quantities and what the sums add to them."""
    for each in SUMS:
        missing = [name for name in (each.whole, *each.parts) if name not in given]
        if len(missing) == 1:
            known = sum(given[name] for name in each.parts if name in given)
            given = {**given, missing[0]: known if missing[0] == each.whole else given[each.whole] - known}
    return given


def number(form: PowerProduct, values: Mapping[str, Any]) -> Any:
    """The value of a product, a float or an array; infinite where it is beyond any float."""
    try:
        value = form(values)
    except (OverflowError, ZeroDivisionError):
        return math.inf
    return value if getattr(value, "ndim", 0) else float(value)


def contradictions(given: Mapping[str, float]) -> list[Contradiction]:
    """Conditions among the given values that fail by more than the tolerance, worst first."""
    apart = [(form.names, number(form, given) - 1) for form in closed_forms(frozenset(given)).checks]
    apart += [((each.whole, *each.parts), _off(each, given)) for each in SUMS]
    found = [Contradiction(names, off) for names, off in apart if abs(off) > TOLERANCE or not math.isfinite(off)]
    return sorted(found, key=lambda c: -abs(c.off_by))


def _off(each: Sum, given: Mapping[str, float]) -> float:
    """How far a sum's given quantities are from adding up, as a share of the whole."""
    if any(name not in given for name in (each.whole, *each.parts)):
        return 0.0
    return sum(given[name] for name in each.parts) / given[each.whole] - 1


def would_determine(given: frozenset[str], wanted: frozenset[str], candidates: tuple[str, ...]) -> tuple[str, ...]:
    """The candidates of which any single one, added to ``given``, determines all of ``wanted``."""
    return tuple(
        name
        for name in candidates
        if name not in given and wanted <= given | {name} | closed_forms(given | {name}).solved.keys()
    )
