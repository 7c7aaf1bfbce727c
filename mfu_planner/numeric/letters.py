"""Numbers that remember how they were made: the value of any formula, and the formula beside it.

A :class:`Letter` is used where a number is: it is added, multiplied, compared, and counts a ``range``.  Its value is
what the plain number would be; its operation and arguments say how it came about.  Nobody writes a formula for
display: :mod:`mfu_planner.numeric.formula` reads it off.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, TypeAlias

from mfu_planner.numeric.arithmetic import Number, is_symbolic

_PLAIN = (int, float, Fraction)


@dataclass(frozen=True, slots=True)
class Symbol:
    """What a letter stands for."""

    name: str
    """``L``, ``d_vision``, or the name of a field or constant: letters, digits and underscores."""
    meaning: str = ""
    unit: str = ""
    source: str = ""
    rank: int = 1000
    """Place in a product: letters of low rank stand first."""
    outer: bool = False
    """Whether terms are told apart by it (layers, widths of the stream, lengths), not summed inside one bracket."""
    count: bool = True
    """A positive integer; a rate, a share or a time is a positive real number."""


Method: TypeAlias = Callable[[Any, Any], Any]


def _quotient(x: Any, y: Any) -> Any:
    """Of integers an exact one."""
    return Fraction(x) / y if isinstance(x, int | Fraction) and isinstance(y, int | Fraction) else x / y


def _both_ways(operation: str, function: Method) -> tuple[Method, Method]:
    """The methods of an operation with the letter on its left and on its right."""

    def left(self: Any, other: Any) -> Any:
        return _binary(operation, function, self, other)

    def right(self: Any, other: Any) -> Any:
        return _binary(operation, function, other, self)

    return left, right


def _comparison(relation: str, function: Method) -> Method:
    """The method of a comparison."""

    def compare(self: Any, other: Any) -> Any:
        return _compared(relation, function, self, other)

    return compare


class Letter:
    """A value with the operation and the arguments (Letters and numbers) that made it.

    Operations: ``letter`` (a :class:`Symbol`), ``add sub mul div pow mod``, ``exact`` (a quotient without rest),
    ``floor`` and ``ceil`` (of a quotient, or of one argument), ``min``, ``max``, ``under`` (a value that holds under a
    :class:`Condition`) and ``named`` (a value shown as one symbol: the Symbol, then what it is).

    A cast drops the formula without a word, so ``int()``, ``float()`` and ``round()`` raise; ``range(letter)`` counts.
    Equality is that of the values, the hash is not: what is cached for plain numbers is never found by letters.
    """

    __slots__ = ("arguments", "operation", "value")
    __arithmetic__: ClassVar[Any]

    value: Any
    operation: str
    arguments: tuple[Any, ...]

    def __init__(self, value: Any, operation: str, arguments: tuple[Any, ...]) -> None:
        self.value, self.operation, self.arguments = value, operation, arguments

    __add__, __radd__ = _both_ways("add", operator.add)
    __sub__, __rsub__ = _both_ways("sub", operator.sub)
    __mul__, __rmul__ = _both_ways("mul", operator.mul)
    __truediv__, __rtruediv__ = _both_ways("div", _quotient)
    __floordiv__, __rfloordiv__ = _both_ways("floor", operator.floordiv)
    __mod__, __rmod__ = _both_ways("mod", operator.mod)
    __pow__, __rpow__ = _both_ways("pow", operator.pow)

    def __neg__(self) -> Any:
        """The opposite; of a quotient of an opposite rounded down, the quotient rounded up."""
        if self.operation in ("floor", "exact"):
            above, below = self.arguments
            if isinstance(above, Letter) and above.operation == "mul" and above.arguments[0] == -1:
                operation = "ceil" if self.operation == "floor" else "exact"
                return Letter(-self.value, operation, (above.arguments[1], below))
            if not isinstance(above, Letter) and above < 0:
                operation = "ceil" if self.operation == "floor" else "exact"
                return Letter(-self.value, operation, (-above, below))
        return Letter(-self.value, "mul", (-1, self))

    def __pos__(self) -> Letter:
        """Itself."""
        return self

    def __abs__(self) -> Any:
        """The size, without the sign."""
        return -self if self.value < 0 else self

    __eq__ = _comparison("=", operator.eq)
    __ne__ = _comparison("≠", operator.ne)
    __lt__ = _comparison("<", operator.lt)
    __le__ = _comparison("≤", operator.le)
    __gt__ = _comparison(">", operator.gt)
    __ge__ = _comparison("≥", operator.ge)

    def __hash__(self) -> int:
        """Not that of the value."""
        return hash((Letter, self.value))

    def __bool__(self) -> bool:
        """Whether the value is not zero."""
        return bool(self.value)

    def __index__(self) -> int:
        """The value, where something is counted with it (``range``)."""
        if isinstance(self.value, int):
            return self.value
        raise TypeError(f"{self.value!r} is no integer")

    def __int__(self) -> int:
        """Refused."""
        raise TypeError("int() would drop the formula: use numeric.floor, or plain() where it is no longer wanted")

    def __float__(self) -> float:
        """Refused."""
        raise TypeError("float() would drop the formula: use plain() where it is no longer wanted")

    def __complex__(self) -> complex:
        """Refused."""
        raise TypeError("complex() would drop the formula")

    def __repr__(self) -> str:
        """The value."""
        return repr(self.value)

    def __format__(self, how: str) -> str:
        """The value, formatted."""
        return format(self.value, how)


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """A comparison of letters, with its outcome."""

    __arithmetic__: ClassVar[Any]
    value: Any
    left: Any
    relation: str
    """One of = ≠ < ≤ > ≥, "divides", and, or."""
    right: Any

    def __bool__(self) -> bool:
        """The outcome."""
        return bool(self.value)

    def __index__(self) -> int:
        """1 where it holds, else 0."""
        return int(bool(self))

    def __and__(self, other: Any) -> Condition:
        """Both."""
        return Condition(bool(self) and bool(other), self, "and", other)

    def __or__(self, other: Any) -> Condition:
        """Either."""
        return Condition(bool(self) or bool(other), self, "or", other)

    def __rand__(self, other: Any) -> Condition:
        """Both."""
        return Condition(bool(self) and bool(other), other, "and", self)

    def __ror__(self, other: Any) -> Condition:
        """Either."""
        return Condition(bool(self) or bool(other), other, "or", self)

    def __invert__(self) -> Condition:
        """The opposite."""
        if self.relation in ("and", "or"):
            swapped = "or" if self.relation == "and" else "and"
            return Condition(not self.value, _opposite(self.left), swapped, _opposite(self.right))
        return Condition(not self.value, self.left, _OPPOSITE[self.relation], self.right)

    def __mul__(self, other: Any) -> Any:
        """``other`` where the condition holds, else 0."""
        return where(self, other, 0)

    __rmul__ = __mul__


_OPPOSITE = {"=": "≠", "≠": "=", "<": "≥", "≥": "<", ">": "≤", "≤": ">", "divides": "does not divide"}


def _opposite(condition: Any) -> Any:
    return ~condition if isinstance(condition, Condition) else not condition


def letter(value: Number, symbol: Symbol | str) -> Letter:
    """A number with a letter; a value that already has a formula keeps it under the new name (see :func:`named`)."""
    symbol = Symbol(symbol) if isinstance(symbol, str) else symbol
    return named(symbol, value) if isinstance(value, Letter) else Letter(_exact(value), "letter", (symbol,))


def named(symbol: Symbol | str, value: Number, *arguments: Number) -> Any:
    """A value shown as one symbol (``t_product(m, n, k)`` with its arguments), what it is being kept beside it.

    A plain number, an array, stays what it is.
    """
    if type(value) is not Letter:
        return value
    return Letter(value.value, "named", (Symbol(symbol) if isinstance(symbol, str) else symbol, value, *arguments))


def plain(value: Any) -> Any:
    """The number without its formula; anything else as it is."""
    if isinstance(value, Letter | Condition):
        return value.value
    return value


def walk(*tops: Any, into_named: bool = True) -> Iterator[Letter]:
    """Every Letter of which values are made, each once, arguments before what is made of them."""
    seen: set[int] = set()
    waiting: list[tuple[Any, bool]] = [(top, False) for top in reversed(tops)]
    while waiting:
        each, ready = waiting.pop()
        if not isinstance(each, Letter) or id(each) in seen:
            continue
        if ready:
            seen.add(id(each))
            yield each
            continue
        waiting.append((each, True))
        if each.operation == "named" and not into_named:
            continue
        waiting.extend((argument, False) for argument in reversed(each.arguments))


def conditions_of(*tops: Any) -> Iterator[Condition]:
    """The conditions under which values hold, those of their operands too; a named value has none of its own."""
    for each in walk(*tops, into_named=False):
        if each.operation == "under":
            yield each.arguments[1]
        elif each.operation == "exact":
            above, below = each.arguments
            yield Condition(True, below, "divides", above)


def _binary(operation: str, function: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    """The value of an operation with its record; identities (+ 0, · 1) leave no trace."""
    if not (isinstance(a, (Letter, *_PLAIN)) and isinstance(b, (Letter, *_PLAIN))) and not is_symbolic(a, b):
        return NotImplemented
    a, b = (int(v) if isinstance(v, bool) else v for v in (a, b))
    number, other = (b, a) if isinstance(a, Letter) else (a, b)
    if not isinstance(number, Letter):
        on_right = isinstance(a, Letter)
        if number == 0 and (operation == "add" or (operation == "sub" and on_right)):
            return other
        if number == 0 and (operation == "mul" or (operation in ("div", "floor", "mod") and not on_right)):
            return 0
        if number == 1 and (operation == "mul" or (operation in ("div", "floor", "pow") and on_right)):
            return other
    x, y = plain(a), plain(b)
    if operation == "floor" and not is_symbolic(x, y) and x % y == 0:
        return Letter(function(x, y), "exact", (a, b))
    if operation == "mod" and not is_symbolic(x, y) and x % y == 0:
        return Letter(0, "under", (0, Condition(True, b, "divides", a)))
    return Letter(_exact(function(x, y)), operation, (a, b))


def _exact(value: Any) -> Any:
    return value.numerator if isinstance(value, Fraction) and value.denominator == 1 else value


def _compared(relation: str, function: Callable[[Any, Any], Any], a: Letter, b: Any) -> Any:
    if not isinstance(b, (Letter, *_PLAIN)) and not is_symbolic(b):
        return NotImplemented
    return Condition(function(a.value, plain(b)), a, relation, b)


def _under(value: Any, condition: Condition) -> Letter:
    return Letter(plain(value), "under", (value, condition))


def minimum(a: Number, b: Number) -> Any:
    """The smaller one, under the condition that it is; both where symbols leave it open."""
    x, y = plain(a), plain(b)
    if is_symbolic(x, y):
        from mfu_planner.numeric import arithmetic

        return Letter(arithmetic.minimum(x, y), "min", (a, b))
    small, large = (a, b) if x <= y else (b, a)
    return _under(small, Condition(True, small, "≤", large))


def maximum(a: Number, b: Number) -> Any:
    """The larger one, under the condition that it is; both where symbols leave it open."""
    x, y = plain(a), plain(b)
    if is_symbolic(x, y):
        from mfu_planner.numeric import arithmetic

        return Letter(arithmetic.maximum(x, y), "max", (a, b))
    large, small = (a, b) if x >= y else (b, a)
    return _under(large, Condition(True, large, "≥", small))


def where(condition: Any, yes: Number, no: Number) -> Any:
    """The side that the condition chooses, and the condition with it."""
    if not isinstance(condition, Condition):
        return yes if condition else no
    return _under(yes, condition) if condition else _under(no, ~condition)


def ceil(value: Number) -> Any:
    """Smallest integer not below a value: the value itself where it is whole."""
    return _rounded("ceil", value)


def floor(value: Number) -> Any:
    """Largest integer not above a value: the value itself where it is whole."""
    return _rounded("floor", value)


def nearest(value: Number) -> Any:
    """The integer nearest to a value."""
    near = round(value.value)
    if near == value.value:
        return ceil(value)
    half = Letter(value.value + Fraction(1, 2), "add", (value, Fraction(1, 2)))
    return Letter(near, "floor", (half, 1))


def _rounded(operation: str, value: Any) -> Any:
    whole = -(-value.value // 1) if operation == "ceil" else value.value // 1
    whole = int(whole) if isinstance(whole, float) else whole
    if whole == value.value:
        if value.operation == "div":
            return Letter(whole, "exact", value.arguments)
        return Letter(whole, value.operation, value.arguments)
    return Letter(whole, operation, value.arguments if value.operation == "div" else (value, 1))


def power(base: Number, exponent: Number) -> Any:
    """``base`` to an exponent."""
    return base**exponent


def each(function: Callable[[Any], Any], value: Number) -> Any:
    """What a function of plain numbers says: it has no formula."""
    return function(plain(value))


class _Arithmetic:
    """What :mod:`mfu_planner.numeric.arithmetic` calls where a value is a letter."""

    minimum = staticmethod(minimum)
    maximum = staticmethod(maximum)
    where = staticmethod(where)
    ceil = staticmethod(ceil)
    floor = staticmethod(floor)
    nearest = staticmethod(nearest)
    power = staticmethod(power)
    each = staticmethod(each)


Letter.__arithmetic__ = Condition.__arithmetic__ = _Arithmetic
