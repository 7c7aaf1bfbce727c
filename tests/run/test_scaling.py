"""Compute-optimal tokens against the papers' own figures."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfu_planner.errors import InputError
from mfu_planner.run.scaling import compute_optimal_params, compute_optimal_tokens, laws, optimal_size, optimum


def test_chinchilla_table_is_met() -> None:
    """Hoffmann et al. 2022, table 3: 67B parameters and 1.5T tokens, 1B and 20.2B."""
    assert compute_optimal_tokens(67e9, "hoffmann-2022").tokens == pytest.approx(1.5e12)
    assert compute_optimal_tokens(1e9, "hoffmann-2022").tokens == pytest.approx(20.2e9)


def test_refit_agrees_with_twenty_tokens_per_parameter() -> None:
    """Besiroglu et al. 2024: their fit is consistent with about 20 at Chinchilla's budget of 5.76e23 FLOP."""
    assert 17 < compute_optimal_tokens(70e9).tokens_per_parameter < 23


@settings(deadline=None)
@given(st.floats(1e8, 1e13))
def test_optimum_is_a_minimum_of_the_loss(params: float) -> None:
    """Moving along a constant budget in either direction makes the loss larger."""
    a_loss, b_loss, alpha, beta = 482.01, 2085.43, 0.3478, 0.3658
    tokens = optimum(params, a_loss, b_loss, alpha, beta)

    def loss(n: float) -> float:
        return a_loss / n**alpha + b_loss / (params * tokens / n) ** beta

    assert loss(params) <= min(loss(params * 1.01), loss(params / 1.01))


@given(st.floats(1e8, 1e13), st.floats(1.01, 10))
def test_larger_models_want_more_tokens(params: float, factor: float) -> None:
    """Under every law."""
    for law in laws():
        assert compute_optimal_tokens(params * factor, law).tokens > compute_optimal_tokens(params, law).tokens


def test_bad_questions_are_refused() -> None:
    """An unknown law, no parameters."""
    with pytest.raises(InputError, match="besiroglu-2024"):
        compute_optimal_tokens(1e9, "besiroglu")
    with pytest.raises(InputError):
        compute_optimal_tokens(math.nan)
    with pytest.raises(InputError):
        compute_optimal_tokens(0)
    assert compute_optimal_tokens(1.0).tokens > compute_optimal_tokens(0.5).tokens > 0


@pytest.mark.parametrize("law", [None, "hoffmann-2022"])
@pytest.mark.parametrize("params", [1.5, 70e9, 1e30])
def test_tokens_and_compute_lead_back_to_the_parameters(params: float, law: str | None) -> None:
    """Of one parameter and of very many; compute is 6 · N · D."""
    tokens = compute_optimal_tokens(params, law).tokens
    assert compute_optimal_params(tokens, law).params == pytest.approx(params, rel=1e-9)
    assert optimal_size(6 * params * tokens, law).params == pytest.approx(params, rel=1e-9)


@pytest.mark.parametrize("given", [0.0, -1.0])
def test_nothing_has_no_optimum(given: float) -> None:
    for ask in (compute_optimal_tokens, compute_optimal_params, optimal_size):
        with pytest.raises(InputError, match="a positive"):
            ask(given)
