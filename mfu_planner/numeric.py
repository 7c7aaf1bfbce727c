"""Arithmetic that serves ints, sympy expressions and float64 arrays alike.

A formula that uses only ``+ - * / //`` and the functions below can be computed exactly (Python ints), shown (sympy)
and swept (NumPy arrays) without being written again.  Neither sympy nor NumPy is imported unless such a value is given.
"""

from __future__ import annotations

from typing import Any, TypeAlias

Number: TypeAlias = Any
"""An int, a float, a sympy expression or a float64 array."""


def is_symbolic(*values: Number) -> bool:
    """Whether any value is a sympy expression."""
    return any(hasattr(v, "free_symbols") for v in values)


def _is_array(*values: Number) -> bool:
    return any(hasattr(v, "__array_interface__") for v in values)


def ceil_div(a: Number, b: Number) -> Number:
    """Smallest integer not below ``a / b``."""
    return -(-a // b)


def half(value: Number) -> Number:
    """``value / 2``, kept an int where the value is an (even) int."""
    return value // 2 if isinstance(value, int) else value / 2


def minimum(a: Number, b: Number) -> Number:
    """The smaller of two values, element by element for arrays."""
    if is_symbolic(a, b):
        import sympy

        return sympy.Min(a, b)
    if _is_array(a, b):
        import numpy as np

        return np.minimum(a, b)
    return min(a, b)


def maximum(a: Number, b: Number) -> Number:
    """The larger of two values, element by element for arrays."""
    if is_symbolic(a, b):
        import sympy

        return sympy.Max(a, b)
    if _is_array(a, b):
        import numpy as np

        return np.maximum(a, b)
    return max(a, b)


def where(condition: Any, yes: Number, no: Number) -> Number:
    """``yes`` where the condition holds, else ``no``."""
    if is_symbolic(condition, yes, no):
        import sympy

        return sympy.Piecewise((yes, condition), (no, True))
    if _is_array(condition, yes, no):
        import numpy as np

        return np.where(condition, yes, no)
    return yes if condition else no
