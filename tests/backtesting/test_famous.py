"""Layouts that famous runs published, in the searches that a user would make."""

from __future__ import annotations

import os

import pytest

from mfu_planner import predict, search
from mfu_planner.backtesting.famous import DEGREES, famous_runs, judged

RUNS = {run["id"]: run for run in famous_runs()}
QUICK = ("mtnlg-530b", "megatron-1t", "glm-130b", "bloom-176b")


def test_published_degrees_use_all_devices() -> None:
    """tp · pp · cp divides the devices; every run has its source."""
    assert len(RUNS) == 11
    for run in RUNS.values():
        layout = run["layout"]
        assert run["question"]["devices"] % (layout["tp"] * layout["pp"] * layout["cp"]) == 0
        assert run["source"]


@pytest.mark.parametrize("name", QUICK)
def test_the_published_layout_is_among_the_first_five(name: str) -> None:
    """As the search's own rows say it."""
    (found,) = judged([RUNS[name]])
    run = RUNS[name]
    asked = {**run["question"], **run["software"]}
    rows = search(**asked, top=5).layouts
    assert found.place is not None
    assert found.place <= 5
    row = rows[found.place - 1]
    assert {degree: row[degree] for degree in DEGREES} == {degree: run["layout"][degree] for degree in DEGREES}
    seconds = predict(**asked, **run["layout"]).step_time_s
    if "step_s" in run["published"]:
        assert found.error == pytest.approx(seconds / run["published"]["step_s"] - 1)
    assert row["step_time_s"] <= seconds
    assert abs(found.error) < 0.3


@pytest.mark.skipif("MFU_PLANNER_LONG" not in os.environ, reason="by hand: eleven large searches")
def test_most_famous_layouts_are_among_the_first_five() -> None:
    """Of eleven, eight and more; seven and more within a tenth of their published step."""
    found = list(judged())
    assert sum(run.place is not None for run in found) >= 8
    assert sum(run.near for run in found) >= 7
