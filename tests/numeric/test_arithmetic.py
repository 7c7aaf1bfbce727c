"""One text, several kinds of number: arithmetic gives a number and the element of an array the same digits."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfu_planner import numeric

FINITE = st.floats(1e-3, 1e6)


@given(st.lists(FINITE, min_size=1, max_size=8), FINITE)
def test_a_number_and_an_element_of_an_array_agree_to_the_last_bit(values: list[float], other: float) -> None:
    """Predicting one layout and sweeping many must be one number."""
    array = np.array(values)
    for function in (numeric.minimum, numeric.maximum):
        assert [function(v, other) for v in values] == list(function(array, other))
    assert [numeric.ceil(v) for v in values] == list(numeric.ceil(array))
    assert [numeric.floor(v) for v in values] == list(numeric.floor(array))
    assert [numeric.power(v, 1.37) for v in values] == list(numeric.power(array, 1.37))
    assert [numeric.where(v > other, v, 0.0) for v in values] == list(numeric.where(array > other, array, 0.0))
    assert [numeric.whole(v) for v in values] == list(numeric.whole(array))
    assert numeric.anywhere(array > other) == any(numeric.anywhere(v > other) for v in values)


def test_each_gives_as_many_arrays_as_the_function_gives_numbers() -> None:
    """Shapes are kept; a plain number stays one."""
    stages = np.array([[4.0, 1.0], [4.0, 2.0]])
    half, square = numeric.each(lambda v: (v / 2, v * v), stages)
    assert half.tolist() == [[2.0, 0.5], [2.0, 1.0]]
    assert square.tolist() == [[16.0, 1.0], [16.0, 4.0]]
    assert numeric.each(lambda v: (v, -v), 3.0) == (3.0, -3.0)


class Tagged:
    """A kind of number of its own."""

    class __arithmetic__:  # noqa: N801 - the hook's name
        minimum = staticmethod(lambda a, b: "least")
        maximum = staticmethod(lambda a, b: "most")
        where = staticmethod(lambda condition, yes, no: "chosen")
        ceil = staticmethod(lambda value: "up")
        floor = staticmethod(lambda value: "down")
        nearest = staticmethod(lambda value: "near")
        power = staticmethod(lambda base, exponent: "raised")


@pytest.mark.parametrize("place", [0, 1])
def test_a_kind_of_its_own_joins(place: int) -> None:
    """Wherever it stands among the values, its own functions serve."""
    pair = (Tagged(), 1.0) if place == 0 else (1.0, Tagged())
    assert numeric.minimum(*pair) == "least"
    assert numeric.maximum(*pair) == "most"
    assert numeric.power(*pair) == "raised"
    assert numeric.where(Tagged(), 1.0, 2.0) == "chosen"
    assert numeric.ceil(Tagged()) == "up"
    assert numeric.floor(Tagged()) == "down"
    assert numeric.nearest(Tagged()) == "near"


def test_plain_numbers_load_neither_numpy_nor_sympy() -> None:
    """The everyday path stays light."""
    code = (
        "import sys; from mfu_planner.numeric import *; from mfu_planner import numeric as n; "
        "n.maximum(1, 2.0), n.where(True, 1, 2), n.ceil(1.5), n.power(2.0, 3), n.each(abs, -1.0); "
        "sys.exit('numpy' in sys.modules or 'sympy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
