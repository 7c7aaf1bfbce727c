"""Closed forms in words, by hand."""

from __future__ import annotations

import pytest

from mfu_planner.run.show import derived, text
from mfu_planner.run.solve import PowerProduct, closed_forms

LETTERS = {name: name for name in "abcd"}


@pytest.mark.parametrize(
    ("powers", "said"),
    [
        ((("a", 1), ("b", 1)), "a · b"),
        ((("a", 2), ("b", -1), ("c", -2), ("d", 1)), "a^2 · d ÷ (b · c^2)"),
        ((("a", 1), ("b", -1)), "a ÷ b"),
        ((("b", -1),), "1 ÷ b"),
    ],
)
def test_a_product_of_powers_reads_like_a_fraction(powers: tuple[tuple[str, int], ...], said: str) -> None:
    """Powers of one are left out; several divisors stand in brackets."""
    assert text(PowerProduct(powers), LETTERS) == said


def test_a_derived_quantity_shows_its_numbers_with_units() -> None:
    """5e14 of 1e15 FLOP/s: half of the peak."""
    values = {"achieved_flops_per_s_per_device": 5e14, "peak_flops_per_s": 1e15}
    form = closed_forms(frozenset(values)).solved["mfu"]
    found = derived("mfu", {**values, "mfu": 0.5}, form, "a definition")
    assert found.formula == "mfu = achieved_flops_per_s_per_device ÷ peak_flops_per_s"
    assert found.substituted == "5e+14 FLOP/s/device ÷ 1e+15 FLOP/s/device"
    assert (found.value, found.unit, found.source) == (0.5, "", "a definition")
    assert found.formula_of == ("achieved_flops_per_s_per_device", "peak_flops_per_s")
