"""Letters: the value is the plain number's, the formula is what was computed, and no cast drops it in silence."""

from __future__ import annotations

import operator
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mfu_planner import numeric
from mfu_planner.numeric.formula import code, conditions, latex, letters, sensitivities, substituted, sympy_of, text
from mfu_planner.numeric.letters import Letter, Symbol, letter, named, plain
from mfu_planner.numeric.paper import paper

OPERATIONS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod]
FUNCTIONS = [numeric.minimum, numeric.maximum]


@settings(deadline=None)
@given(st.recursive(st.integers(1, 60), lambda inner: st.tuples(st.integers(0, 7), inner, inner), max_leaves=12))
def test_a_formula_gives_the_number_that_it_was_read_off(tree: Any) -> None:
    """Whatever is computed, with letters and without, and by sympy from the printed formula."""
    values: list[int] = []

    def build(node: Any, *, lettered: bool) -> Any:
        if isinstance(node, int):
            values.append(node)
            return letter(node, f"x{len(values)}") if lettered else Fraction(node)
        which, a, b = node
        left, right = build(a, lettered=lettered), build(b, lettered=lettered)
        if which in (3, 4, 5) and not right:
            right = right + 1
        return [*OPERATIONS, *FUNCTIONS][which](left, right)

    expected = build(tree, lettered=False)
    values.clear()
    traced = build(tree, lettered=True)
    assert plain(traced) == expected
    shown = paper(traced)
    assert plain(shown) == expected
    for form in (traced, shown):
        names = {name: each.value for name, each in letters(form).items()}
        assert sympy_of(form).subs({s: names[s.name] for s in sympy_of(form).free_symbols}) == expected


@pytest.mark.parametrize("cast", [int, float, round, complex])
def test_a_cast_raises(cast: Any) -> None:
    """It would drop the formula without a word."""
    with pytest.raises(TypeError):
        cast(letter(3, "L"))


def test_letters_count_and_compare_like_their_values() -> None:
    """A list of layers is built with a letter; a cache of plain numbers is not met by one."""
    layers = letter(3, "L")
    assert list(range(layers)) == [0, 1, 2]  # type: ignore[call-overload]
    assert layers == 3
    assert layers > 2
    assert not layers < 3
    assert f"{letter(4096, 'd'):,}" == "4,096"
    assert {3: "plain"}.get(layers) is None  # type: ignore[call-overload]


def test_a_choice_is_remembered_with_its_condition() -> None:
    """The branch that was taken, and under what."""
    window, length = letter(512, "W"), letter(1024, "s")
    seen = numeric.minimum(window, length)
    assert (text(seen), conditions(seen)) == ("W", ["W ≤ s"])
    chosen = numeric.where(window >= length, length, window + 1)
    assert (text(chosen), conditions(chosen)) == ("W + 1", ["W < s"])
    assert conditions(length // window) == ["W divides s"]
    assert conditions((window * length) // window) == []
    assert (text(numeric.ceil_div(length, letter(300, "c"))), plain(numeric.ceil_div(length, letter(300, "c")))) == (
        "⌈s/c⌉",
        4,
    )


def test_the_form_of_a_paper() -> None:
    """Like terms together, common factors in front, a bracket for terms with the same outer letters."""
    names = {n: letter(v, Symbol(n, rank=r, outer=n in "Lds")) for r, (n, v) in enumerate(_SIZES.items())}
    deep, wide, f, g, n, h, v, s = names.values()
    work = 3 * deep * (4 * wide * h * n + 4 * wide * g * h + 6 * wide * f + 4 * n * h * s) + 6 * v * wide
    assert text(paper(work)) == "6·L·d·(3·f + 2·g·h + 2·n·h) + 12·L·n·h·s + 6·d·V"
    assert code(paper(work)) == "6*L*d*(3*f + 2*g*h + 2*n*h) + 12*L*n*h*s + 6*d*V"
    assert latex(paper(work / s)).startswith(r"\frac{6 \, L \, d \, (3 \, f")
    assert substituted(paper(6 * v * wide)) == "6·4096·128256"


_SIZES = {"L": 32, "d": 4096, "f": 14336, "g": 8, "n": 32, "h": 128, "V": 128256, "s": 8192}


def test_a_named_value_is_one_letter_unless_that_is_longer() -> None:
    """h = d / n stands as h, but n · h is d."""
    wide, heads = letter(4096, "d"), letter(32, "n")
    size = named("h", wide // heads)
    assert text(paper(size * 8)) == "8·h"
    assert text(paper(size * heads)) == "d"


@settings(deadline=None)
@given(st.lists(st.floats(0.5, 50.0), min_size=4, max_size=4))
def test_sensitivities_are_logarithmic_slopes(values: list[float]) -> None:
    """One pass back gives what small changes of each letter give."""
    names = ("a", "b", "c", "e")

    def result(numbers: list[Any]) -> Any:
        a, b, c, e = numbers
        return numeric.maximum(a * b / (c + e), a - 100) + numeric.where(b > c, b * b, c * e) / (1 + a)

    assume(abs(values[1] - values[2]) > 1e-3)  # not on a kink
    found = sensitivities(result([letter(v, n) for v, n in zip(values, names, strict=True)]))
    base, tiny = result(values), 1e-6
    for place, name in enumerate(names):
        moved = [v * (1 + tiny * (place == i)) for i, v in enumerate(values)]
        assert found.get(name, 0.0) == pytest.approx((result(moved) / base - 1) / tiny, abs=2e-4)
    assert list(found.values()) == sorted(found.values(), key=lambda v: -abs(v))


def test_letters_are_no_plain_numbers_to_numpy_and_json() -> None:
    """They cannot slip out of an explanation unseen."""
    import json

    with pytest.raises(TypeError):
        json.dumps(letter(3, "L"))
    assert isinstance(letter(3, "L") * 0.5, Letter)
