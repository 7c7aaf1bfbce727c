"""A formula read off a Letter: as text, as LaTeX, for sympy; and what it depends on most.

The writers print what was recorded, as it stands; :func:`~mfu_planner.numeric.paper.paper` first brings sums of
products into the form in which a paper would print them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from mfu_planner.numeric.letters import Condition, Letter, conditions_of, letter, named, plain, walk

_SUM, _PRODUCT, _POWER, _ATOM = range(4)
"""How tightly a piece of text holds together."""

_BARE = 2
"""Arguments of a named value without any of its own: its Symbol, and what it is."""

Written = tuple[str, int]


class _Text:
    """Readable text: ``6·L·d·(3·f + 2·g·h) + ⌈s / c⌉``."""

    times, minus, equal = "·", "−", {"divides": " divides ", "does not divide": " does not divide "}

    def __init__(self, values: bool = False) -> None:
        self.values = values
        """Write the value of each letter in its place."""

    def __call__(self, formula: Any) -> str:
        """The text of a formula."""
        written: dict[int, Written] = {}

        def of(argument: Any) -> Written:
            return written[id(argument)] if isinstance(argument, Letter) else self.number(argument)

        for each in walk(formula, into_named=False):
            written[id(each)] = self._written(each, of)
        return of(formula)[0]

    def _written(self, each: Letter, of: Callable[[Any], Written]) -> Written:
        if each.operation in ("letter", "named"):
            return self.number(each.value) if self.values else (self._called(each), _ATOM)
        if each.operation == "under":
            return of(each.arguments[0])
        if each.operation == "mul" and each.arguments[0] == -1 and not isinstance(each.arguments[0], Letter):
            return f"{self.minus}{_held(of(each.arguments[1]), _PRODUCT)}", _SUM
        a = of(each.arguments[0])
        b = of(each.arguments[1]) if len(each.arguments) > 1 else ("", _ATOM)
        if each.operation == "add":
            return f"{a[0]} + {_held(b, _SUM)}" if not b[0].startswith(self.minus) else f"{a[0]} + ({b[0]})", _SUM
        if each.operation == "sub":
            return f"{a[0]} {self.minus} {_held(b, _PRODUCT)}", _SUM
        if each.operation == "mul":
            return f"{_held(a, _PRODUCT)}{self.times}{_held(b, _PRODUCT, right=True)}", _PRODUCT
        if each.operation in ("div", "exact"):
            return self.quotient(a, b)
        if each.operation == "pow":
            return self.power(a, b)
        return self.call(each.operation, a, b), _ATOM

    def _called(self, each: Letter) -> str:
        """A letter, or a name with its arguments."""
        from mfu_planner.numeric.paper import paper

        name, arguments = self.name(each.arguments[0].name), each.arguments[2:]
        return f"{name}({', '.join(self(paper(a)) for a in arguments)})" if arguments else name

    def name(self, name: str) -> str:
        """A letter."""
        return name

    def number(self, value: Any) -> Written:
        """A number: integers and fractions exactly, others to six digits."""
        if isinstance(value, Fraction) and value.denominator != 1:
            return self.quotient(self.number(value.numerator), self.number(value.denominator))
        text = str(int(value)) if value == int(value) and abs(value) < 1e15 else self.decimal(value)
        return (f"{self.minus}{text[1:]}", _SUM) if text.startswith("-") else (text, _ATOM)

    def decimal(self, value: Any) -> str:
        """A number that is no integer, or a large one."""
        return str(value) if isinstance(value, int) else f"{float(value):.6g}"

    def quotient(self, a: Written, b: Written) -> Written:
        """A fraction."""
        return f"{_held(a, _PRODUCT)}/{_held(b, _POWER)}", _PRODUCT

    def power(self, a: Written, b: Written) -> Written:
        """A power."""
        small = b[0].translate(_SMALL) if b[0].isdigit() else f"^{_held(b, _ATOM)}"
        return f"{_held(a, _ATOM)}{small}", _POWER

    def call(self, operation: str, a: Written, b: Written) -> str:
        """What is no sum, product, quotient or power."""
        if operation in ("floor", "ceil"):
            left, right = ("⌊", "⌋") if operation == "floor" else ("⌈", "⌉")
            return f"{left}{self.quotient(a, b)[0] if b[0] != '1' else a[0]}{right}"
        return f"({a[0]} mod {_held(b, _POWER)})" if operation == "mod" else f"{operation}({a[0]}, {b[0]})"


_SMALL = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class _Code(_Text):
    """What sympy reads."""

    times, minus = "*", "-"

    def decimal(self, value: Any) -> str:
        """All digits."""
        return repr(value)

    def power(self, a: Written, b: Written) -> Written:
        """A power."""
        return f"{_held(a, _ATOM)}**{_held(b, _ATOM)}", _POWER

    def call(self, operation: str, a: Written, b: Written) -> str:
        """A function of sympy's."""
        if operation in ("floor", "ceil"):
            return f"{'floor' if operation == 'floor' else 'ceiling'}({self.quotient(a, b)[0]})"
        return f"{operation.capitalize()}({a[0]}, {b[0]})"


class _Latex(_Text):
    """LaTeX."""

    times, minus = r" \, ", "-"

    def name(self, name: str) -> str:
        """A letter with its index upright where it is a word; a word of its own upright."""
        stem, _, index = name.partition("_")
        if len(stem) > 1:
            return r"\mathrm{" + name.replace("_", r"\_") + "}"
        if not index:
            return stem
        return f"{stem}_{{{index}}}" if len(index) == 1 else rf"{stem}_{{\mathrm{{{index.replace('_', ',')}}}}}"

    def decimal(self, value: Any) -> str:
        """A power of ten where there is one."""
        mantissa, _, exponent = super().decimal(value).partition("e")
        return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa

    def quotient(self, a: Written, b: Written) -> Written:
        """A fraction."""
        return rf"\frac{{{a[0]}}}{{{b[0]}}}", _POWER

    def power(self, a: Written, b: Written) -> Written:
        """A power."""
        return f"{_held(a, _ATOM)}^{{{b[0]}}}", _POWER

    def call(self, operation: str, a: Written, b: Written) -> str:
        """Brackets and operators."""
        if operation in ("floor", "ceil"):
            inside = self.quotient(a, b)[0] if b[0] != "1" else a[0]
            return rf"\left\l{operation} {inside} \right\r{operation}"
        return rf"({a[0]} \bmod {b[0]})" if operation == "mod" else rf"\{operation}({a[0]}, {b[0]})"


def _held(piece: Written, least: int, *, right: bool = False) -> str:
    """A piece of text, in brackets where it holds together less tightly than its place asks for."""
    text, strength = piece
    tight = strength >= least and not (right and strength == _PRODUCT and "/" in text)
    return text if tight else f"({text})"


text = _Text()
"""A formula as a person reads it in a terminal."""
code = _Code()
"""A formula as sympy reads it."""
latex = _Latex()
"""A formula in LaTeX."""
substituted = _Text(values=True)
"""A formula with the numbers put in."""


def letters(*formulas: Any) -> dict[str, Letter]:
    """The letters of formulas by name, those of least rank first; a named value is one letter, a call is none."""
    found = {
        each.arguments[0].name: each
        for each in walk(*formulas, into_named=False)
        if each.operation == "letter" or (each.operation == "named" and len(each.arguments) == _BARE)
    }
    return dict(sorted(found.items(), key=lambda item: (item[1].arguments[0].rank, item[0])))


def conditions(*formulas: Any) -> list[str]:
    """What must hold for formulas to be these, as text (``W ≤ s``); what always holds is left out."""
    from mfu_planner.numeric.paper import divides, paper

    found: dict[str, None] = {}
    for each in conditions_of(*formulas):
        if each.relation == "divides" and divides(each.left, each.right):
            continue
        left, right = (_side(side, paper) for side in (each.left, each.right))
        if left != right and not (_is_number(each.left) and _is_number(each.right)):
            found[f"{left}{text.equal.get(each.relation, f' {each.relation} ')}{right}"] = None
    return list(found)


def _side(side: Any, paper: Callable[[Any], Any]) -> str:
    if isinstance(side, Condition):
        return f"{_side(side.left, paper)} {side.relation} {_side(side.right, paper)}"
    return text(paper(side))


def _is_number(side: Any) -> bool:
    return not isinstance(side, Letter | Condition)


def sympy_of(formula: Any) -> Any:
    """A formula as a sympy expression: counts are positive integers, rates and shares positive reals.

    A letter whose value is a symbol is that symbol.
    """
    import sympy

    symbols = {
        name: each.value
        if isinstance(each.value, sympy.Symbol)
        else sympy.Symbol(name, positive=True, integer=each.arguments[0].count or None)
        for name, each in letters(formula).items()
    }
    return sympy.sympify(code(formula), locals=symbols)


def sensitivities(result: Any) -> dict[str, float]:
    """d ln(result) / d ln(letter) for every letter, by one pass back over what was recorded.

    Rounding counts as the quotient that it rounds; of a minimum, a maximum or a choice the side that was taken.
    """
    slopes: dict[int, float] = {id(result): 1.0}
    found: dict[str, float] = {}
    for each in reversed(list(walk(result))):
        slope = slopes.get(id(each), 0.0)
        if each.operation == "letter":
            name = each.arguments[0].name
            found[name] = found.get(name, 0.0) + slope * float(each.value) / float(result.value)
            continue
        for argument, share in _shares(each):
            if isinstance(argument, Letter):
                slopes[id(argument)] = slopes.get(id(argument), 0.0) + slope * share
    return dict(sorted(found.items(), key=lambda item: -abs(item[1])))


def _shares(each: Letter) -> list[tuple[Any, float]]:
    """Each argument with the slope of the result along it."""
    if each.operation == "named":
        return [(each.arguments[1], 1.0)]
    if each.operation == "under":
        return [(each.arguments[0], 1.0)]
    a, b = each.arguments
    x, y = float(plain(a)), float(plain(b))
    if each.operation in ("add", "sub"):
        return [(a, 1.0), (b, 1.0 if each.operation == "add" else -1.0)]
    if each.operation == "mul":
        return [(a, y), (b, x)]
    if each.operation in ("div", "exact", "floor", "ceil"):
        return [(a, 1.0 / y), (b, -x / y**2)]
    if each.operation == "pow":
        return [(a, y * x ** (y - 1)), (b, x**y * math.log(x) if x > 0 else 0.0)]
    if each.operation == "mod":
        return [(a, 1.0), (b, -float(x // y))]
    first = (x <= y) == (each.operation == "min")
    return [(a, float(first)), (b, float(not first))]


__all__ = [
    "code",
    "conditions",
    "latex",
    "letter",
    "letters",
    "named",
    "sensitivities",
    "substituted",
    "sympy_of",
    "text",
]
