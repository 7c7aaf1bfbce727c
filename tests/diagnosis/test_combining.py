"""Several changes together are one prediction of the changed run, on one peak, and never a product of gains."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from mfu_planner import diagnose, predict
from mfu_planner.diagnosis.combining import unchanged
from mfu_planner.errors import InputError

SLOW = {
    "model": "llama-3.1-8b",
    "hardware": "a100-sxm-80gb",
    "devices": 64,
    "tokens_per_second_per_device": 1800,
    "tp": 8,
    "recompute": "full",
    "micro_batch": 1,
    "global_batch": 64,
}

pytestmark = pytest.mark.xdist_group("one diagnosis")  # what the fixture works out is worked out once


@pytest.fixture(scope="session")
def alone() -> Any:
    """The diagnosis of a slow run."""
    return diagnose(**SLOW)


def test_nothing_changed_is_the_diagnosis_itself(alone: Any) -> None:
    """The same shares, the same MFU, and all of the time accounted for."""
    found = unchanged(alone)
    assert found.predicted_mfu == alone.mfu
    assert [p.after for p in found.parts] == [p.share for p in alone.waterfall]
    assert found.ideal + sum(p.before for p in found.parts) == pytest.approx(1)


@pytest.mark.sampled(2)
def test_one_action_alone_is_what_the_list_says(alone: Any, sample: Any) -> None:
    """And the parts shrink by what is saved, or the ideal does."""
    for number, action in sample(enumerate(alone.actions, 1)):
        if action.fits is False:
            continue
        found = diagnose(**SLOW, apply=[number]).combined
        assert found.changes == (action.change,)
        assert found.predicted_mfu == pytest.approx(action.predicted_mfu, rel=1e-9)
        assert found.time == pytest.approx(1 - action.saves_share, rel=1e-9)


def test_every_action_together_stays_below_the_peak(alone: Any) -> None:
    """Four TP switches and two of recomputation are no product: one of each kind, at most 100%."""
    numbers = range(1, len(alone.actions) + 1)
    found = diagnose(**SLOW, apply=",".join(map(str, numbers))).combined
    assert found.predicted_mfu <= 1
    assert found.low <= found.predicted_mfu <= found.high
    assert len(found.changes) + len(found.excluded) == len(alone.actions)
    assert {c for c in found.changes if "recomputation" in c} != {
        "no recomputation",
        "selective recomputation (attention only) in place of full",
    }


def test_a_set_is_the_prediction_of_its_flags(alone: Any) -> None:
    """Without a search's row: the flags of two compatible actions in one question give the ratio of times."""
    flagged = [(n, a) for n, a in enumerate(alone.actions, 1) if a.flags and "search" not in a.change and a.fits]
    for (i, one), (j, two) in list(combinations(flagged, 2))[:8]:
        found = diagnose(**SLOW, apply=[i, j]).combined
        if len(found.changes) < 2:
            assert found.excluded[0].because
            continue
        base = {k: v for k, v in alone.inputs.items() if k not in ("tokens_per_second_per_device", "apply")}
        changed = predict(**{**base, **one.flags, **two.flags})
        assert found.predicted_mfu >= max(one.predicted_mfu, two.predicted_mfu) * 0.5
        assert changed.memory.fits is found.fits


def test_what_does_not_fit_is_no_cure() -> None:
    """It is shown as such, excluded from a set, and no cause rests on it."""
    asked = {**SLOW, "model": "llama-3.1-70b", "tokens_per_second_per_device": 250, "pp": 2, "zero": 3}
    said = diagnose(**asked)
    bad = [n for n, a in enumerate(said.actions, 1) if a.fits is False]
    if bad:
        found = diagnose(**asked, apply=bad).combined
        assert not found.changes
        assert all("fit" in e.because or "same as" in e.because for e in found.excluded)
        assert found.predicted_mfu == pytest.approx(said.mfu)


@pytest.mark.parametrize(
    ("dtype", "peak_dtype", "rate", "to"), [("tf32", "bf16", 2900, "bf16"), ("fp32", "fp32", 900, "bf16")]
)
def test_a_change_of_format_says_both_readings(dtype: str, peak_dtype: str, rate: float, to: str) -> None:
    """Every MFU of an answer is on its one peak; the new format's own peak stands beside it: no cure reads as harm."""
    said = diagnose(
        model="llama-3.1-8b", hardware="h100-sxm", devices=64, zero=3, dtype=dtype, peak_dtype=peak_dtype,
        tokens_per_second_per_device=rate,
    )  # fmt: skip
    assert said.predicted_mfu < 1
    for action in said.actions:
        assert action.predicted_mfu == pytest.approx(said.mfu * (1 + action.gain))
    change = next(a for a in said.actions if a.flags.get("dtype") == to)
    assert change.predicted_mfu > said.mfu
    if peak_dtype == to:
        assert change.predicted_mfu_own_peak is None
    else:
        assert 0 < change.predicted_mfu_own_peak < 1


def test_the_expected_mfu_is_on_the_stated_peak() -> None:
    """A sparse peak halves the observed MFU and the expected one alike."""
    asked = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "tokens_per_second_per_device": 9000}
    dense, sparse = diagnose(**asked), diagnose(**asked, sparse=True)
    ratio = sparse.peak_flops_per_s / dense.peak_flops_per_s
    assert sparse.mfu == pytest.approx(dense.mfu / ratio)
    assert sparse.predicted_mfu == pytest.approx(dense.predicted_mfu / ratio)
    assert sparse.observed_over_predicted == pytest.approx(sparse.predicted_mfu / sparse.mfu, rel=0.01)


def test_more_than_the_peak_is_the_sanity_answer() -> None:
    """120% and 1,018%: no traceback, no gains on a number that cannot be."""
    for step in ("50ms", "6ms"):
        said = diagnose(
            model="llama-3.1-8b", hardware="h100-sxm", devices=64, step_time=step, global_batch=2, seq_len=8192
        )
        if said.mfu >= 1:
            assert not said.actions
            assert any(f.severity == "error" for f in said.findings)


@pytest.mark.parametrize("asked", ["0", "99", "x", "1,x"])
def test_an_action_that_is_not_there(asked: str) -> None:
    """One line that says which there are."""
    with pytest.raises(InputError, match="from 1 to"):
        diagnose(**SLOW, apply=asked)
