"""The form in which a paper prints a formula: sums of products, like terms together, common factors in front.

A formula becomes a polynomial whose exponents may be negative; what is no product (a rounded quotient, a minimum, a
quotient by a sum) enters as a letter of its own.  Terms with the same outer letters (layers, width, length) share one
bracket: ``6·L·d·(3·f + 2·g·h + 2·n·h) + 12·L·n·h·s + 6·V·d``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import reduce
from typing import Any

from mfu_planner.numeric.letters import Letter, plain, walk

Monomial = tuple[tuple[str, int], ...]
Polynomial = dict[Monomial, Any]
"""Coefficient of each product of powers of letters."""

_SHORT = 4
"""Terms of a bracket that are not bracketed again."""
_BARE = 2
_LAST = 2000
"""Rank of what is no letter."""


class _Reader:
    """Polynomials of what was recorded, over one alphabet."""

    def __init__(self, *unfold: str) -> None:
        self.alphabet: dict[str, Letter] = {}
        self.done: dict[int, Polynomial] = {}
        self.unfold = unfold
        """Names of values to write out."""

    def __call__(self, formula: Any) -> Polynomial:
        """The polynomial of a formula."""
        for each in walk(formula, into_named=bool(self.unfold)):
            if id(each) not in self.done:
                self.done[id(each)] = self._read(each)
        return self.of(formula)

    def of(self, argument: Any) -> Polynomial:
        """The polynomial of what was read before."""
        if isinstance(argument, Letter):
            return self.done[id(argument)]
        return {(): argument} if argument else {}

    def _read(self, each: Letter) -> Polynomial:
        operation = each.operation
        if operation == "named" and each.arguments[0].name in self.unfold:
            return self.of(each.arguments[1])
        if operation == "named" and len(each.arguments) > _BARE:
            return self._own(each)
        if operation in ("letter", "named"):
            return self._atom(each.arguments[0].name, each)
        if operation == "under":
            return self.of(each.arguments[0])
        a, b = (self.of(argument) for argument in each.arguments)
        if operation == "add":
            return _sum(a, b)
        if operation == "sub":
            return _sum(a, _scaled(b, -1))
        if operation == "mul":
            return _product(a, b)
        if operation in ("div", "exact"):
            return self._quotient(a, b)
        if operation == "pow" and isinstance(plain(each.arguments[1]), int) and plain(each.arguments[1]) >= 0:
            return reduce(_product, [a] * plain(each.arguments[1]), {(): 1})
        inside = tuple(self.build(p) for p in (a, b))
        if not any(isinstance(p, Letter) for p in inside):
            return {(): each.value}
        return self._own(Letter(each.value, operation, inside))

    def _atom(self, name: str, value: Letter) -> Polynomial:
        known = self.alphabet.setdefault(name, value)
        assert known.value == value.value, f"one letter with two values: {name} = {known} and {value}"
        return {((name, 1),): 1}

    def _own(self, value: Letter) -> Polynomial:
        from mfu_planner.numeric.formula import code

        return self._atom(code(value), value)

    def _quotient(self, a: Polynomial, b: Polynomial) -> Polynomial:
        if len(b) > 1:
            common = _common(b)
            rest = _product(b, {_inverse(common): 1})
            if ratio := _ratio(a, rest):
                return {_inverse(common): ratio}
            ((factor,),) = self._own(self.build(rest))
            b = {_times(common, (factor,)): 1}
        ((monomial, coefficient),) = b.items()
        return _scaled(_product(a, {_inverse(monomial): 1}), _over(coefficient))

    def rank(self, name: str) -> tuple[int, str]:
        """Place of a letter in a product."""
        each = self.alphabet[name]
        return (each.arguments[0].rank if each.operation in ("letter", "named") else _LAST, name)

    def outer(self, monomial: Monomial) -> Monomial:
        """The letters by which terms are told apart."""
        return tuple(
            (n, e)
            for n, e in monomial
            if self.alphabet[n].operation in ("letter", "named") and self.alphabet[n].arguments[0].outer
        )

    def order(self, monomial: Monomial) -> tuple[Any, ...]:
        """Place of a term in a sum: the constant last."""
        return (not monomial, sorted(self.rank(n) for n, _ in monomial))

    def terms(self, polynomial: Polynomial) -> list[Any]:
        """The terms of a polynomial, each with its bracket; those that differ in one outer letter alone are joined."""
        groups: dict[Monomial, Polynomial] = {}
        for monomial, coefficient in polynomial.items():
            groups.setdefault(self.outer(monomial), {})[monomial] = coefficient
        found: dict[Any, list[Monomial]] = {}
        for members in groups.values():
            common, factor = _common(members), _content(members.values())
            inside = _scaled(_product(members, {_inverse(common): 1}), _over(factor))
            found.setdefault((factor, tuple(sorted(inside.items()))), []).append(common)
        shown = []
        for (factor, inside), commons in found.items():
            for common, others in self._joinable(commons):
                pieces = _product(dict(inside), {(): 1})
                shared = _common(dict.fromkeys((common, *others), 1))
                bracket = _product(dict.fromkeys((common, *others), 1), {_inverse(shared): 1})
                term = self.product(factor, shared, bracket if others else pieces)
                if others and list(pieces) != [()]:
                    term = term * self.nested(pieces)
                shown.append((self.order(common), term))
        return [term for _, term in sorted(shown, key=lambda each: each[0])]

    def _joinable(self, commons: list[Monomial]) -> Iterator[tuple[Monomial, list[Monomial]]]:
        """Groups of products that differ in one outer letter each (L_dense and L_sparse)."""
        left = sorted(commons, key=self.order)
        while left:
            first, *left = left
            others = []
            for other in left:
                differ = _times(first, _inverse(other))
                if len(differ) == 2 and {e for _, e in differ} == {1, -1} and self.outer(differ) == differ:
                    others.append(other)
            rest = _times(first, _inverse(_common(dict.fromkeys((first, *others), 1))))
            if len(rest) > 1:  # they differ from the first in different letters
                others = others[:1]
            left = [m for m in left if m not in others]
            yield first, others

    def product(self, factor: Any, monomial: Monomial, inside: Polynomial) -> Any:
        """``factor · monomial · (inside)``, letters with negative exponents below a bar."""
        ordered = sorted(monomial, key=lambda each: self.rank(each[0]))
        above: Any = abs(factor)
        below: Any = 1
        if isinstance(above, Fraction):
            above, below = above.numerator, above.denominator
        for name, exponent in ordered:
            raised = self.alphabet[name] ** abs(exponent)
            above, below = (above * raised, below) if exponent > 0 else (above, below * raised)
        above = above * (inside[()] if list(inside) == [()] else self.nested(inside))
        whole = above * _over(below) if _exact(above, below) else above / below
        return -whole if factor < 0 else whole

    def nested(self, polynomial: Polynomial) -> Any:
        """A sum; a long one with the letter that most of its terms share pulled out, again and again."""
        if len(polynomial) > _SHORT:
            counts: dict[str, int] = {}
            for monomial in polynomial:
                for name, exponent in monomial:
                    counts[name] = counts.get(name, 0) + (exponent > 0)
            best = min(counts, key=lambda name: (-counts[name], self.rank(name)))
            if 1 < counts[best] < len(polynomial):
                held = {m: c for m, c in polynomial.items() if dict(m).get(best, 0) > 0}
                common, factor = _common(held), _content(held.values())
                inside = _scaled(_product(held, {_inverse(common): 1}), _over(factor))
                rest = {m: c for m, c in polynomial.items() if m not in held}
                return joined([self.product(factor, common, inside), self.nested(rest)])
        ordered = sorted(polynomial.items(), key=lambda each: (not each[0], len(each[0]), self.order(each[0])))
        return joined([self.product(c, m, {(): 1}) for m, c in ordered])

    def build(self, polynomial: Polynomial) -> Any:
        """The formula of a polynomial."""
        return joined(self.terms(polynomial))


def terms(formula: Any) -> list[Any]:
    """The terms of a formula in its paper form; a named size is written out where that leaves no further bar."""
    reader = _Reader()
    polynomial = reader(formula)
    unfold: list[str] = []
    for name in [n for n, each in reader.alphabet.items() if each.operation == "named" and each.arguments[0].count]:
        written_out = _Reader(*unfold, name)
        longer = written_out(formula)
        if len(longer) <= len(polynomial) and not _below(longer) - _below(polynomial):
            unfold, reader, polynomial = [*unfold, name], written_out, longer
    return reader.terms(polynomial)


def _below(polynomial: Polynomial) -> set[str]:
    """Letters that stand below a bar."""
    return {name for monomial in polynomial for name, exponent in monomial if exponent < 0}


def paper(formula: Any) -> Any:
    """A formula in its paper form; plain where nothing but a number is left."""
    return joined(terms(formula)) if isinstance(formula, Letter) else formula


def divides(below: Any, above: Any) -> bool:
    """Whether one formula divides another whatever the letters are."""
    reader = _Reader()
    quotient = reader._quotient(reader(above), reader(below)) if plain(below) else {}
    return all(isinstance(c, int) and all(e > 0 for _, e in m) for m, c in quotient.items())


def _exact(*values: Any) -> bool:
    return all(isinstance(v, int | Fraction) for v in values)


def joined(terms: list[Any]) -> Any:
    """The sum of terms, negative ones taken away."""
    total: Any = 0
    for term in terms:
        negative = isinstance(term, Letter) and term.operation == "mul" and plain(term.arguments[0]) == -1
        if isinstance(total, Letter) and (negative or (not isinstance(term, Letter) and term < 0)):
            total = total - (term.arguments[1] if negative else -term)
        else:
            total = total + term
    return total


def _sum(a: Polynomial, b: Polynomial) -> Polynomial:
    merged = dict(a)
    for monomial, coefficient in b.items():
        total = merged.get(monomial, 0) + coefficient
        if total:
            merged[monomial] = total
        else:
            merged.pop(monomial, None)
    return merged


def _product(a: Polynomial, b: Polynomial) -> Polynomial:
    found: Polynomial = {}
    for m, x in a.items():
        for n, y in b.items():
            key = _times(m, n)
            found[key] = found.get(key, 0) + x * y
    return {m: c for m, c in found.items() if c}


def _times(a: Monomial, b: Monomial) -> Monomial:
    if not a or not b:
        return a or b
    exponents = dict(a)
    for name, exponent in b:
        exponents[name] = exponents.get(name, 0) + exponent
    return tuple(sorted((n, e) for n, e in exponents.items() if e))


def _inverse(monomial: Monomial) -> Monomial:
    return tuple((name, -exponent) for name, exponent in monomial)


def _common(polynomial: Polynomial) -> Monomial:
    """The largest product of powers that all terms share."""
    first, *others = polynomial
    shared = dict(first)
    for monomial in others:
        exponents = dict(monomial)
        shared = {n: min(shared.get(n, 0), exponents.get(n, 0)) for n in {**shared, **exponents}}
    return tuple(sorted((n, e) for n, e in shared.items() if e))


def _content(coefficients: Iterable[Any]) -> Any:
    """The greatest common factor of coefficients, with the sign of the first; 1 of numbers that are not exact."""
    values = list(coefficients)
    sign = -1 if values[0] < 0 else 1
    if len(values) == 1:
        return values[0]
    if any(isinstance(v, float) for v in values):
        return sign
    exact = [Fraction(v) for v in values]
    found = Fraction(math.gcd(*(v.numerator for v in exact)), math.lcm(*(v.denominator for v in exact)))
    return sign * (found.numerator if found.denominator == 1 else found)


def _scaled(polynomial: Polynomial, factor: Any) -> Polynomial:
    return {m: _whole(c * factor) for m, c in polynomial.items()}


def _over(value: Any) -> Any:
    return 1 / value if isinstance(value, float) else Fraction(1) / value


def _whole(value: Any) -> Any:
    return value.numerator if isinstance(value, Fraction) and value.denominator == 1 else value


def _ratio(a: Polynomial, b: Polynomial) -> Any:
    """The number that one polynomial is of another, or None."""
    if a.keys() != b.keys():
        return None
    first = next(iter(a))
    ratio = _whole(Fraction(a[first]) / Fraction(b[first]))
    return ratio if all(_whole(Fraction(b[m]) * ratio) == a[m] for m in a) else None
