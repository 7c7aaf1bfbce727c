"""Arithmetic that serves Python numbers, float64 arrays, sympy expressions and whatever else counts alike.

A formula that uses only ``+ - * / // %``, comparisons and the functions below can be computed exactly (Python ints),
shown (sympy) and swept (NumPy arrays) without being written again.  Neither sympy nor NumPy is imported unless such a
value is given.

A kind of number of its own joins by an attribute ``__arithmetic__`` on its class: an object with the functions of
:data:`JOINED`, used wherever one of the values is of that class.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

Number: TypeAlias = Any
"""An int, a float, a sympy expression, a float64 array, or a kind of its own."""

JOINED = ("minimum", "maximum", "where", "ceil", "floor", "nearest", "power", "each")
"""What a kind of its own must bring."""
PLAIN, ARRAY, SYMBOLIC, OWN = range(4)
"""Kinds of number, in the order in which they decide what an operation of two is."""
_KINDS: dict[type, int] = {int: PLAIN, float: PLAIN, bool: PLAIN}


def _kind(value: Number) -> int:
    """The kind of a value, by its type."""
    found = _KINDS.get(type(value))
    if found is None:
        own, symbols, array = (hasattr(value, n) for n in ("__arithmetic__", "free_symbols", "__array_interface__"))
        found = OWN if own else SYMBOLIC if symbols else ARRAY if array else PLAIN
        _KINDS[type(value)] = found
    return found


def _decides(*values: Number) -> tuple[int, Any]:
    """(kind, arithmetic of its own where it brings one) of the value that decides what an operation is."""
    first = max(values, key=_kind)
    return _kind(first), getattr(first, "__arithmetic__", None)


def is_symbolic(*values: Number) -> bool:
    """Whether any value is a sympy expression."""
    return any(_kind(v) == SYMBOLIC for v in values)


def ceil_div(a: Number, b: Number) -> Number:
    """Smallest integer not below ``a / b``."""
    return -(-a // b)


def half(value: Number) -> Number:
    """``value / 2``, kept an int where the value is an (even) int."""
    return value // 2 if isinstance(value, int) else value / 2


def minimum(a: Number, b: Number) -> Number:
    """The smaller of two values, element by element for arrays."""
    if _KINDS.get(type(a)) == PLAIN == _KINDS.get(type(b)):
        return a if a <= b else b
    return _least_or_most(a, b, "minimum", "Min", min)


def maximum(a: Number, b: Number) -> Number:
    """The larger of two values, element by element for arrays."""
    if _KINDS.get(type(a)) == PLAIN == _KINDS.get(type(b)):
        return a if a >= b else b
    return _least_or_most(a, b, "maximum", "Max", max)


def _least_or_most(a: Number, b: Number, name: str, symbolic: str, plain: Callable[..., Any]) -> Number:
    kind = max(_kind(a), _kind(b))
    if kind == ARRAY:
        import numpy as np

        return getattr(np, name)(a, b)
    kind, own = _decides(a, b)
    if kind == OWN:
        return getattr(own, name)(a, b)
    if kind == SYMBOLIC:
        import sympy

        return getattr(sympy, symbolic)(a, b)
    return plain(a, b)


def where(condition: Any, yes: Number, no: Number) -> Number:
    """``yes`` where the condition holds, else ``no``.

    Both sides are computed beforehand: a divisor that may be zero on the other side needs a guard.
    """
    if type(condition) is bool:
        return yes if condition else no
    if _kind(condition) == ARRAY:
        import numpy as np

        return np.where(condition, yes, no)
    kind, own = _decides(condition, yes, no)
    if kind == OWN:
        return own.where(condition, yes, no)
    if kind == SYMBOLIC:
        import sympy

        return sympy.Piecewise((yes, condition), (no, True))
    return yes if condition else no


def ceil(value: Number) -> Number:
    """Smallest integer not below a value."""
    kind = _kind(value)
    if kind == PLAIN:
        return math.ceil(value)
    if kind == ARRAY:
        import numpy as np

        return np.ceil(value)
    if kind == OWN:
        return value.__arithmetic__.ceil(value)
    import sympy

    return sympy.ceiling(value)


def floor(value: Number) -> Number:
    """Largest integer not above a value."""
    kind, own = _decides(value)
    if kind == OWN:
        return own.floor(value)
    return math.floor(value) if kind == PLAIN else value // 1


def nearest(value: Number) -> Number:
    """The integer nearest to a value, of two equally near ones the even one."""
    kind, own = _decides(value)
    return own.nearest(value) if kind == OWN else round(value)


def power(base: Number, exponent: Number) -> Number:
    """``base`` to an exponent, to the last digit the same for a number and for an element of an array."""
    kind, own = _decides(base, exponent)
    if kind == OWN:
        return own.power(base, exponent)
    by_element = kind == ARRAY and _kind(exponent) != ARRAY
    return each(lambda b: b**exponent, base) if by_element else base**exponent


def each(function: Callable[[Any], Any], value: Number) -> Number:
    """A function of plain numbers applied to one, or to every distinct element of an array.

    A function that returns several numbers gives as many arrays.
    """
    if _kind(value) != ARRAY or not value.ndim:
        return function(value)
    import numpy as np

    distinct, inverse = np.unique(value, return_inverse=True)
    table = np.array([function(float(v)) for v in distinct], dtype=np.float64)
    found = table[inverse.reshape(np.shape(value))]
    return found if table.ndim == 1 else tuple(found[..., i] for i in range(table.shape[1]))


def remembered_by(*values: Any) -> tuple[Any, ...] | None:
    """What tells some plain values and arrays from all others, to remember an outcome by; None where one is neither."""
    known = []
    for value in values:
        kind = _KINDS.get(type(value))
        if kind == ARRAY:
            known.append((value.shape, value.tobytes()))
        elif kind == PLAIN or isinstance(value, str):
            known.append(value)
        else:
            return None
    return tuple(known)


def whole(value: Number) -> Number:
    """Whether a value (each element of an array) has no fraction."""
    return value % 1 == 0


def anywhere(condition: Any) -> bool:
    """Whether a condition holds for a value, or for any element of an array."""
    return bool(condition.any()) if _kind(condition) == ARRAY else bool(condition)
