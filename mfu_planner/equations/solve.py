"""Solving the run's equations for whatever is unknown.

The logarithms of the relations are linear, so elimination over exact fractions gives every determined quantity as a
product of powers of the given ones, and every relation that the given values must satisfy among themselves.  Which
closed forms result depends only on *which* quantities are given: they are worked out once for each such set.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from mfu_planner.equations.run import QUANTITIES, RELATIONS

TOLERANCE = 1e-6
"""Values that disagree by more than this (relative) contradict each other."""

Exponents = tuple[tuple[str, Fraction], ...]


@dataclass(frozen=True, slots=True)
class Product:
    """A product of powers of given quantities: the closed form of one unknown."""

    powers: Exponents

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """Evaluate on floats, arrays or sympy symbols."""
        result: Any = 1
        for name, power in self.powers:
            value = values[name]
            result = result * (value**power if power.denominator != 1 else value ** int(power))
        return result

    @property
    def names(self) -> tuple[str, ...]:
        """The quantities that it is made of."""
        return tuple(name for name, _ in self.powers)


@dataclass(frozen=True, slots=True)
class ClosedForms:
    """What a set of given quantities determines."""

    solved: dict[str, Product]
    checks: tuple[Product, ...]
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
        row = _scaled(row, 1 / row[name])
        rows = [_without(r, name, row) for r in rows]
        pivots = {other: _without(r, name, row) for other, r in pivots.items()}
        pivots[name] = row
    solved = {
        name: Product(tuple((n, -p) for n, p in row.items() if n != name))
        for name, row in pivots.items()
        if all(n in given for n in row if n != name)
    }
    checks = tuple(Product(tuple(row.items())) for row in rows if row)
    return ClosedForms(solved, checks)


def _scaled(row: dict[str, Fraction], factor: Fraction) -> dict[str, Fraction]:
    return {name: power * factor for name, power in row.items()}


def _without(row: dict[str, Fraction], name: str, pivot: dict[str, Fraction]) -> dict[str, Fraction]:
    factor = row.get(name)
    if not factor:
        return row
    merged = {n: row.get(n, Fraction(0)) - factor * pivot.get(n, Fraction(0)) for n in {**row, **pivot}}
    return {n: p for n, p in merged.items() if p}


def solve(given: Mapping[str, float]) -> dict[str, float]:
    """Every quantity that the given ones determine, the given ones included (they are not checked)."""
    forms = closed_forms(frozenset(given))
    return {**given, **{name: number(form, given) for name, form in forms.solved.items()}}


def number(form: Product, values: Mapping[str, float]) -> float:
    """The value of a product; infinite where it is beyond any float."""
    try:
        return float(form(values))
    except (OverflowError, ZeroDivisionError):
        return math.inf


def contradictions(given: Mapping[str, float]) -> list[Contradiction]:
    """Conditions among the given values that fail by more than the tolerance, worst first."""
    found = [
        Contradiction(form.names, off)
        for form in closed_forms(frozenset(given)).checks
        if abs(off := number(form, given) - 1) > TOLERANCE or not math.isfinite(off)
    ]
    return sorted(found, key=lambda c: -abs(c.off_by))


def would_determine(given: frozenset[str], wanted: frozenset[str], candidates: tuple[str, ...]) -> tuple[str, ...]:
    """The candidates of which any single one, added to ``given``, determines all of ``wanted``."""
    return tuple(
        name
        for name in candidates
        if name not in given and wanted <= given | {name} | closed_forms(given | {name}).solved.keys()
    )
