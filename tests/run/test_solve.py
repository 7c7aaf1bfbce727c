"""The run's equations: closed forms against sympy, contradictions, missing values."""

from __future__ import annotations

import itertools
import math
import random

import pytest
import sympy

from mfu_planner.run import QUANTITIES, RELATIONS, closed_forms, contradictions, latex, solve, would_determine

ASK = {
    "time": {"flops_per_token", "tokens", "devices", "peak_flops_per_s", "mfu", "goodput"},
    "tokens": {"flops_per_token", "devices", "peak_flops_per_s", "mfu", "goodput", "training_time_s"},
    "devices": {"flops_per_token", "tokens", "peak_flops_per_s", "mfu", "goodput", "training_time_s"},
    "mfu from hours": {"flops_per_token", "tokens", "peak_flops_per_s", "goodput", "device_time_s"},
    "money and days": {
        "flops_per_token", "peak_flops_per_s", "mfu", "goodput", "price_usd_per_device_s", "cost_usd",
        "training_time_s",
    },
    "mfu from rate": {"flops_per_token", "peak_flops_per_s", "devices", "tokens_per_s"},
}  # fmt: skip


@pytest.mark.parametrize("given", ASK.values(), ids=ASK.keys())
def test_closed_forms_equal_what_sympy_solves(given: set[str]) -> None:
    """sympy solves the logarithms of the same relations: each of its solutions is the product used every day."""
    logs = {name: sympy.Symbol(f"log_{name}", real=True) for name in QUANTITIES}
    system = [
        sympy.Eq(logs[relation.left], sum((logs[name] for name in relation.right), sympy.Integer(0)))
        for relation in RELATIONS
    ]
    unknown = [logs[name] for name in QUANTITIES if name not in given]
    (solution,) = sympy.linsolve(system, unknown)
    by_sympy = {
        str(u).removeprefix("log_"): s
        for u, s in zip(unknown, solution, strict=True)
        if s.free_symbols <= {logs[g] for g in given}
    }

    forms = closed_forms(frozenset(given)).solved

    assert by_sympy.keys() == forms.keys()
    for name, expression in by_sympy.items():
        powers = {str(symbol).removeprefix("log_"): expression.coeff(symbol) for symbol in expression.free_symbols}
        assert powers == dict(forms[name].powers), name


def test_every_relation_holds_in_a_solution() -> None:
    """Whatever was given, the solved values satisfy each relation."""
    draw = random.Random(405)
    for given in ASK.values():
        values = solve({name: draw.uniform(0.1, 9.0) for name in sorted(given)})
        for relation in RELATIONS:
            if {relation.left, *relation.right} <= values.keys():
                assert math.isclose(values[relation.left], math.prod(values[name] for name in relation.right))


def test_contradiction_names_the_values_and_how_far_apart() -> None:
    """10 devices at 5 tokens/s each are 50 tokens/s; 60 is 20% more."""
    (found,) = contradictions({"devices": 10, "tokens_per_s_per_device": 5, "tokens_per_s": 60})

    assert set(found.names) == {"devices", "tokens_per_s_per_device", "tokens_per_s"}
    assert math.isclose(max(found.off_by, 1 / (1 + found.off_by) - 1), 0.2, rel_tol=1e-9)


def test_values_within_a_millionth_agree() -> None:
    """Rounded inputs are no contradiction."""
    assert contradictions({"devices": 10, "tokens_per_s_per_device": 5, "tokens_per_s": 50 * (1 + 5e-7)}) == []


def test_what_is_missing_is_named() -> None:
    """Without the MFU, either it or the time closes the plan."""
    given = frozenset(ASK["time"]) - {"mfu"}

    found = would_determine(
        given, frozenset({"mfu", "training_time_s"}), ("mfu", "training_time_s", "price_usd_per_device_s")
    )

    assert found == ("mfu", "training_time_s")


def test_nothing_given_determines_nothing() -> None:
    """An empty question has no solution and no contradiction."""
    assert solve({}) == {}
    assert contradictions({}) == []


def test_units_of_each_relation_agree() -> None:
    """Dimensional analysis by pint: both sides of every relation have the same units."""
    from mfu_planner.units._pint import registry

    units = registry()

    def unit(name: str) -> str:
        return QUANTITIES[name].unit.replace("·", "*").replace("USD", "usd").replace("FLOP", "flop")

    for relation in RELATIONS:
        left = units.Quantity(1, unit(relation.left))
        right = units.Quantity(1, "")
        for name in relation.right:
            right = right * units.Quantity(1, unit(name))
        assert left.dimensionality == right.dimensionality, relation.says


def test_latex_shows_the_closed_form() -> None:
    """The learner sees T = C / (n P U g) with the work spelt out."""
    shown = latex("training_time_s", frozenset(ASK["time"]))

    assert shown.startswith("T = ")
    assert all(symbol in shown for symbol in ("D", "F", "P", "U", "g", "n"))


def test_order_of_the_given_values_does_not_matter() -> None:
    """The closed forms depend on the set alone."""
    values = {"devices": 8.0, "mfu": 0.5, "peak_flops_per_s": 10.0, "flops_per_token": 2.0}
    results = [solve(dict(order)) for order in itertools.permutations(values.items())]

    assert all(r == results[0] for r in results)
