"""Showing the equations: one Derived for each quantity that was worked out, as text and as LaTeX."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from mfu_planner.run.frozen import Frozen
from mfu_planner.run.relations import QUANTITIES
from mfu_planner.run.solve import PowerProduct, closed_forms


class Derived(Frozen):
    """One derived quantity: its formula, the formula with the numbers put in, and its value."""

    name: str
    """Key of the quantity in the result."""
    meaning: str
    formula: str
    """The closed form over named quantities."""
    formula_of: tuple[str, ...]
    """The quantities that it is made of."""
    substituted: str
    """The same with the user's numbers and units."""
    value: float
    unit: str
    source: str
    """Where the formula (or the given number) comes from."""
    latex: str = ""
    """The formula as LaTeX, where it is in letters of its own."""


def text(form: PowerProduct, show: Mapping[str, str]) -> str:
    """A product of powers as ``a · b ÷ (c · d)``."""
    above = [_power(show[n], abs(p)) for n, p in form.powers if p > 0]
    below = [_power(show[n], abs(p)) for n, p in form.powers if p < 0]
    top = " · ".join(above) or "1"
    if not below:
        return top
    return f"{top} ÷ {below[0]}" if len(below) == 1 else f"{top} ÷ ({' · '.join(below)})"


def _power(name: str, power: object) -> str:
    return name if power == 1 else f"{name}^{power}"


@cache
def latex(name: str, given: frozenset[str]) -> str:
    """LaTeX of the closed form of ``name`` in terms of the given quantities, written by sympy."""
    import sympy

    symbols = {n: sympy.Symbol(q.symbol, positive=True) for n, q in QUANTITIES.items()}
    form = closed_forms(given).solved[name]
    return f"{QUANTITIES[name].symbol} = {sympy.latex(form(symbols))}"


def derived(name: str, values: Mapping[str, float], form: PowerProduct, source: str) -> Derived:
    """How one solved quantity came about."""
    quantity = QUANTITIES[name]
    numbers = {n: f"{values[n]:.6g}{' ' + QUANTITIES[n].unit if QUANTITIES[n].unit else ''}" for n in form.names}
    return Derived.trusted(
        name=name,
        meaning=quantity.meaning,
        formula=f"{name} = {text(form, {n: n for n in form.names})}",
        formula_of=form.names,
        substituted=text(form, numbers),
        value=values[name],
        unit=quantity.unit,
        source=source,
    )
