"""What the planner suggests for fields that are left to it."""

from __future__ import annotations

import pytest

from mfu_planner.answers.suggest import fewer_and_more, optimal_tokens, published_runs, typical_mfu, work_over_length
from mfu_planner.errors import InputError, NoAnswer
from mfu_planner.hardware.carbon import countries, emissions


def test_typical_mfu_lies_between_low_and_high() -> None:
    """With links to where the runs are published."""
    found = typical_mfu(model="llama-3.1-405b", hardware="h100-sxm", devices=16384)
    assert 0.3 < found.low <= found.typical <= found.high < 0.6
    assert all(url.startswith("https://") for url in found.links)


def test_too_few_runs_is_no_answer() -> None:
    """Nobody has published such runs."""
    with pytest.raises(NoAnswer):
        typical_mfu(params="70B", hardware="t4", dtype="fp16")


def test_published_runs_mark_the_same_hardware() -> None:
    """And carry their source."""
    rows = published_runs("h100-sxm")
    assert {r.same_hardware for r in rows} == {True, False}
    assert all(0 < r.mfu < 1 and r.url for r in rows)


def test_optimal_tokens_use_active_parameters() -> None:
    """Of a mixture, those that a token uses."""
    assert optimal_tokens(params="47B", active_params="13B").tokens == optimal_tokens(params="13B").tokens


def test_work_grows_with_length() -> None:
    """Attention over all pairs costs at least the pairs that the mask allows."""
    rows = work_over_length((1024, 8192), model="llama-3.1-8b")
    assert rows[0]["full"] < rows[1]["full"]
    assert all(r["causal"] <= r["full"] for r in rows)


def test_emissions_are_energy_times_intensity() -> None:
    """A gigawatt-hour at 481 g per kWh is 481 t."""
    found = emissions(1e6, "world")
    assert found.co2e_kg == pytest.approx(1e6 * found.g_per_kwh / 1000)
    assert countries()[0] == "world"
    with pytest.raises(InputError, match="france"):
        emissions(1.0, "frankreich")


def test_fewer_and_more_devices() -> None:
    """Half, the number, twice."""
    assert fewer_and_more("64") == [32, 64, 128]
    with pytest.raises(InputError):
        fewer_and_more("1")
