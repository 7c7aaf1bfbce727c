"""Actions taken in a diagnosis shrink the waterfall by what they save."""

from __future__ import annotations

import pytest

from mfu_planner import diagnose
from mfu_planner.what_if import what_if

_RUN = {
    "model": "llama-3.1-8b",
    "hardware": "h100-sxm",
    "devices": 64,
    "tokens_per_second_per_device": 6000,
    "zero": 3,
    "micro_batch": 1,
    "loader_wait": "20%",
}


def test_nothing_changed_is_the_diagnosis_itself() -> None:
    """The same shares, the same MFU, and all of the time accounted for."""
    d = diagnose(**_RUN)
    found = what_if(d)
    assert found.time == 1
    assert found.mfu == d.mfu
    assert [p.after for p in found.parts] == [p.share for p in d.waterfall]
    assert found.ideal + sum(p.before for p in found.parts) == pytest.approx(1)


def test_one_action_gives_the_time_that_the_diagnosis_says() -> None:
    """And the parts shrink by exactly what is saved."""
    d = diagnose(**_RUN)
    for action in d.actions:
        found = what_if(d, [action])
        assert found.time == pytest.approx(1 - action.saves_share)
        assert sum(p.before - p.after for p in found.parts) == pytest.approx(action.saves_share, abs=1e-9)


def test_several_actions_compound() -> None:
    """Never below zero, never more than each alone promises together."""
    d = diagnose(**_RUN)
    found = what_if(d, d.actions[:3])
    expected = 1.0
    for action in d.actions[:3]:
        expected *= 1 - action.saves_share
    assert found.time == pytest.approx(expected)
    assert all(p.after >= -1e-12 for p in found.parts if p.before > 0)
