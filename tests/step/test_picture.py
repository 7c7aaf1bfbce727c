"""The pipeline schedule against the bubble's formula and its own rules."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfu_planner.errors import InputError
from mfu_planner.step.picture import schedule
from mfu_planner.step.pipeline import pipeline_bubble


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 8), st.integers(1, 4), st.integers(1, 4))
def test_bubble_is_the_published_one(stages: int, groups: int, virtual: int) -> None:
    """(p − 1) / (v m), Narayanan et al. 2021, played out pass by pass."""
    found = schedule(stages, stages * groups, virtual)
    assert found.bubble == pytest.approx(float(pipeline_bubble(stages, stages * groups, virtual)), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(1, 12))
def test_every_pass_is_played_once_and_in_order(stages: int, micro_batches: int) -> None:
    """No stage does two things at once; a pass begins after the one it needs."""
    found = schedule(stages, micro_batches)
    assert len(found.slots) == 2 * stages * micro_batches
    at = {(s.stage, s.micro_batch, s.forward): s for s in found.slots}
    assert len(at) == len(found.slots)
    for stage in range(stages):
        mine = sorted((s for s in found.slots if s.stage == stage), key=lambda s: s.start)
        assert all(a.end <= b.start + 1e-9 for a, b in pairwise(mine))
        for batch in range(micro_batches):
            assert at[stage, batch, True].end <= at[stage, batch, False].start + 1e-9
            if stage:
                assert at[stage - 1, batch, True].end <= at[stage, batch, True].start + 1e-9
                assert at[stage, batch, False].end <= at[stage - 1, batch, False].start + 1e-9


def test_what_cannot_be_played_is_refused() -> None:
    """Chunks without a multiple of the stages, nothing, and too much to draw."""
    with pytest.raises(InputError, match="multiple"):
        schedule(4, 6, 2)
    with pytest.raises(InputError):
        schedule(0, 1)
    with pytest.raises(InputError, match="draw"):
        schedule(64, 4096, 4)
