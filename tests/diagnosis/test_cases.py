"""The proof: known causes come first, and gains are near the published ones."""

from __future__ import annotations

import csv

import pytest

from mfu_planner.diagnosis.cases import logged, published, traced
from mfu_planner.diagnosis.cases.outcome import Outcome, share
from mfu_planner.facts import folder

pytestmark = pytest.mark.xdist_group("published pairs")  # what the fixture works out is worked out once


@pytest.fixture(scope="session")
def pairs() -> list[Outcome]:
    """Every published pair, diagnosed once."""
    return published.outcomes()


def rate(outcomes: list[Outcome], name: str) -> float:
    passed, n = share(outcomes, name)
    return passed / n


def test_published_causes_come_first(pairs: list[Outcome]) -> None:
    """The target is 90%, or open; the cases in no fit are judged apart, and one in forty is wrong."""
    assert rate(pairs, "right") >= 0.85
    assert rate([o for o in pairs if o.role == "held out"], "right") >= 0.85
    assert sum(o.right is False and o.found != "unexplained" for o in pairs) <= 1


def test_published_gains_are_met(pairs: list[Outcome]) -> None:
    """The target is 70% within a factor of 1.5: of the speed-up, and even of the gain alone (speed-up − 1)."""
    held_out = [o for o in pairs if o.role == "held out"]
    assert rate(held_out, "near") >= 0.9
    assert rate(held_out, "near_gain") >= 0.72


def test_gains_without_a_hint_beat_the_control(pairs: list[Outcome]) -> None:
    """Nobody says which framework it is: the gains loosen, and still say more than observed ÷ predicted time."""
    for found in (pairs, published.outcomes(hinted=False)):
        assert rate(found, "near") > rate(found, "near_control")


def test_traces_of_each_kind() -> None:
    """Five written traces, each with one fault."""
    assert [o.id for o in traced.outcomes() if not o.right] == []


def test_logs_of_each_kind() -> None:
    """A wait, a timer, an average below the steps' rate."""
    assert [o.id for o in logged.outcomes() if not o.right] == []


def test_every_pair_names_its_source() -> None:
    """A row is a fact: source, date and kind, and a speed-up that follows from its two values."""
    for row in published.pairs():
        assert row["source"], row["id"]
        assert row["source_date"], row["id"]
        assert row["source_kind"] in ("primary", "secondary"), row["id"]
        before, after = float(row["before"]), float(row["after"])
        slower = row["unit"] in ("ms/step", "s/step", "s")
        assert float(row["speedup"]) == pytest.approx(before / after if slower else after / before, abs=1e-3), row["id"]


def test_rows_of_the_back_test_agree() -> None:
    """Pairs taken from the back-test's rows repeat their figures."""
    with (folder("published_runs") / "runs.csv").open(encoding="utf-8", newline="") as file:
        runs = {row["id"]: row for row in csv.DictReader(file)}
    checked = 0
    for row in published.pairs():
        run = runs.get(row["before_id"])
        if run is None or row["unit"] not in ("tokens/s/device", "s/step"):
            continue
        column = "tokens_per_s_per_device" if row["unit"] == "tokens/s/device" else "step_time_s"
        assert float(row["before"]) == pytest.approx(float(run[column]), rel=1e-3), row["id"]
        checked += 1
    assert checked > 20
