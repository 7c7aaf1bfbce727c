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

JOINED = ("minimum", "maximum", "where", "ceil", "floor", "nearest", "power")
"""What a kind of its own must bring."""
_PLAIN = frozenset((int, float, bool))


def is_symbolic(*values: Number) -> bool:
    """Whether any value is a sympy expression."""
    return any(hasattr(v, "free_symbols") for v in values)


def _is_array(*values: Number) -> bool:
    return any(hasattr(v, "__array_interface__") for v in values)


def _own(*values: Number) -> Any:
    """The arithmetic that one of the values brings, None where all are of the usual kinds."""
    for value in values:
        found = getattr(value, "__arithmetic__", None)
        if found is not None:
            return found
    return None


def ceil_div(a: Number, b: Number) -> Number:
    """Smallest integer not below ``a / b``."""
    return -(-a // b)


def half(value: Number) -> Number:
    """``value / 2``, kept an int where the value is an (even) int."""
    return value // 2 if isinstance(value, int) else value / 2


def minimum(a: Number, b: Number) -> Number:
    """The smaller of two values, element by element for arrays."""
    if type(a) in _PLAIN and type(b) in _PLAIN:
        return a if a <= b else b
    if (own := _own(a, b)) is not None:
        return own.minimum(a, b)
    if is_symbolic(a, b):
        import sympy

        return sympy.Min(a, b)
    if _is_array(a, b):
        import numpy as np

        return np.minimum(a, b)
    return min(a, b)


def maximum(a: Number, b: Number) -> Number:
    """The larger of two values, element by element for arrays."""
    if type(a) in _PLAIN and type(b) in _PLAIN:
        return a if a >= b else b
    if (own := _own(a, b)) is not None:
        return own.maximum(a, b)
    if is_symbolic(a, b):
        import sympy

        return sympy.Max(a, b)
    if _is_array(a, b):
        import numpy as np

        return np.maximum(a, b)
    return max(a, b)


def where(condition: Any, yes: Number, no: Number) -> Number:
    """``yes`` where the condition holds, else ``no``.

    Both sides are computed beforehand: a divisor that may be zero on the other side needs a guard.
    """
    if type(condition) is bool:
        return yes if condition else no
    if (own := _own(condition, yes, no)) is not None:
        return own.where(condition, yes, no)
    if is_symbolic(condition, yes, no):
        import sympy

        return sympy.Piecewise((yes, condition), (no, True))
    if _is_array(condition):
        import numpy as np

        return np.where(condition, yes, no)
    return yes if condition else no


def ceil(value: Number) -> Number:
    """Smallest integer not below a value."""
    if type(value) in _PLAIN:
        return math.ceil(value)
    if (own := _own(value)) is not None:
        return own.ceil(value)
    if is_symbolic(value):
        import sympy

        return sympy.ceiling(value)
    import numpy as np

    return np.ceil(value)


def floor(value: Number) -> Number:
    """Largest integer not above a value."""
    if type(value) in _PLAIN:
        return math.floor(value)
    if (own := _own(value)) is not None:
        return own.floor(value)
    return value // 1


def nearest(value: Number) -> Number:
    """The integer nearest to a value, of two equally near ones the even one."""
    return own.nearest(value) if (own := _own(value)) is not None else round(value)


def power(base: Number, exponent: Number) -> Number:
    """``base`` to an exponent, to the last digit the same for a number and for an element of an array."""
    if type(base) in _PLAIN and type(exponent) in _PLAIN:
        return base**exponent
    if (own := _own(base, exponent)) is not None:
        return own.power(base, exponent)
    return each(lambda b: b**exponent, base) if _is_array(base) else base**exponent


def each(function: Callable[[Any], Any], value: Number) -> Number:
    """A function of plain numbers applied to one, or to every distinct element of an array.

    A function that returns several numbers gives as many arrays.
    """
    if not _is_array(value) or not getattr(value, "ndim", 0):
        return function(value)
    import numpy as np

    distinct, inverse = np.unique(value, return_inverse=True)
    table = np.array([function(float(v)) for v in distinct], dtype=np.float64)
    found = table[inverse.reshape(np.shape(value))]
    return found if table.ndim == 1 else tuple(found[..., i] for i in range(table.shape[1]))


def whole(value: Number) -> Number:
    """Whether a value (each element of an array) has no fraction."""
    return value % 1 == 0


def anywhere(condition: Any) -> bool:
    """Whether a condition holds for a value, or for any element of an array."""
    return bool(condition.any()) if hasattr(condition, "any") else bool(condition)
