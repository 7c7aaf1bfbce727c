"""Keeping and ordering the best layouts, by small tables."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mfu_planner.errors import InputError, NoAnswer
from mfu_planner.searching.outcome import best_of_each_first, degrees_first, distinct, pareto, ranked
from mfu_planner.searching.rank import Best, Found
from mfu_planner.searching.space import AXES, Inner, Outer

OUTER = Outer(tp=2, pp=1, cp=1, dp=4)


def grid(micro: tuple[int, ...]) -> Inner:
    """A grid along one axis."""
    return Inner((1,), micro, (1,), (0,), (0,), (0.0,), (0,), (0,))


def offered(best: Best, seconds: list[float], feasible: list[bool] | None = None) -> None:
    """Offer a grid along the micro-batch."""
    inner = grid(tuple(range(1, len(seconds) + 1)))
    shape = inner.shape
    fits = np.array([True] * len(seconds) if feasible is None else feasible).reshape(shape)
    best.offer(np.array(seconds).reshape(shape), np.array(seconds).reshape(shape) * 10, fits, OUTER, inner, 8, "here")


def test_of_equally_fast_layouts_the_simplest_are_kept() -> None:
    """Less EP first, then smaller micro-batches, then a lower ZeRO stage: whatever the order of the axes."""
    best, inner = Best(4), Inner((1, 2), (1, 2), (1,), (0, 1, 2), (0,), (0.0,), (0,), (0,))
    alike = np.ones(inner.shape)
    best.offer(alike, alike, alike > 0, OUTER, inner, 8)
    names = ("ep", "micro_batch", "zero")
    assert [tuple(f.flags()[n] for n in names) for f in best.ranked()] == [(1, 1, 0), (1, 1, 1), (1, 1, 2), (1, 2, 0)]


@pytest.mark.parametrize("keep", [1, 3, 7])
def test_the_fastest_are_kept_whatever_the_order(keep: int) -> None:
    """As sorting everything would."""
    draw, best, everything = random.Random(keep), Best(keep), []
    for _ in range(20):
        seconds = [draw.uniform(1, 100) for _ in range(draw.randint(1, 12))]
        feasible = [draw.random() < 0.7 for _ in seconds]
        offered(best, seconds, feasible)
        everything += [s for s, ok in zip(seconds, feasible, strict=True) if ok]
    assert [f.seconds for f in best.ranked()] == sorted(everything)[:keep]
    assert all(f.held_bytes == pytest.approx(10 * f.seconds) for f in best.ranked())
    assert all((f.outer, f.devices, f.place) == (OUTER, 8, "here") for f in best.ranked())


def test_the_bar_is_the_slowest_that_is_kept() -> None:
    """Infinite until enough are kept; equal times keep what came first."""
    best = Best(2)
    offered(best, [5.0])
    assert best.bar == math.inf
    offered(best, [3.0])
    assert best.bar == 5.0
    offered(best, [9.0, 5.0])
    assert [f.flags()["micro_batch"] for f in best.ranked()] == [1.0, 1.0]
    offered(best, [9.0, 4.0])
    assert [(f.seconds, f.flags()["micro_batch"]) for f in best.ranked()] == [(3.0, 1), (4.0, 2)]
    assert best.bar == 4.0


@pytest.mark.parametrize(
    ("code", "name", "share"), [(0.0, "none", None), (1.0, "selective", None), (1.25, "full", 0.25), (2.0, "full", 1.0)]
)
def test_flags_of_a_found_layout(code: float, name: str, share: float | None) -> None:
    """Recomputation by its code; a group of nought is all devices."""
    flags = Found(1.0, 2.0, OUTER, (3.0, 0.0, 0.0, 1.0, 2.0, 4.0, code, 1.0), 8).flags()
    assert (flags["recompute"], flags["recompute_share"]) == (name, share)
    assert (flags["tp"], flags["pp"], flags["cp"], flags["ep"], flags["dp"]) == (2, 1, 1, 1, 4)
    assert (flags["micro_batch"], flags["vpp"], flags["zero"], flags["zero_group"]) == (4, 2, 3, None)
    assert (flags["sequence_parallel"], flags["offload"]) == (True, False)
    other = Found(1.0, 2.0, OUTER, (3.0, 8.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0), 8).flags()
    assert (other["zero_group"], other["sequence_parallel"], other["offload"]) == (8, False, True)


def row(seconds: float, cost: float | None, devices: int = 8, place: str = "a", **more: Any) -> dict[str, Any]:
    """A row as far as ordering looks at it."""
    usual = {"training_time_s": None, "total_bytes": seconds, "provider": None}
    return {"step_time_s": seconds, "cost_usd": cost, "devices": devices, "place": place, **usual, **more}


def test_order_by_time_cost_and_devices() -> None:
    """Unknown costs come last; among equals the faster."""
    rows = [row(3, 5.0, 16), row(1, 9.0, 32), row(2, None, 8), row(4, 5.0, 8)]
    assert [r["step_time_s"] for r in ranked(rows, "time", {})] == [1, 2, 3, 4]
    assert [r["step_time_s"] for r in ranked(rows, "cost", {})] == [3, 4, 1, 2]
    assert [r["step_time_s"] for r in ranked(rows, "devices", {})] == [2, 4, 3, 1]
    with pytest.raises(InputError, match="price"):
        ranked([row(1, None)], "cost", {})


def test_deadline_leaves_what_is_in_time() -> None:
    """On the day is in time; where nothing is, the fastest is said in days."""
    rows = [row(1, 1.0, training_time_s=86400.0), row(2, 1.0, training_time_s=172800.0)]
    asked = {"deadline": "1 day", "tokens": "1T"}
    assert [r["step_time_s"] for r in ranked(rows, "time", asked)] == [1]
    with pytest.raises(NoAnswer, match=r"meets 0\.5 days; the fastest takes 1\.0 days"):
        ranked(rows, "time", {**asked, "deadline": "12h"})
    with pytest.raises(InputError, match="tokens"):
        ranked(rows, "time", {"deadline": "1 day"})


def test_front_of_time_and_cost() -> None:
    """Those that no other beats in both; by devices where no cost is known."""
    rows = [row(1, 9.0), row(2, 9.0), row(3, 4.0), row(4, 4.0), row(5, 1.0), row(6, None)]
    assert pareto(rows) == [0, 2, 4]
    assert pareto([row(2, None, 8), row(1, None, 16), row(3, None, 8), row(4, None, 4)]) == [1, 0, 3]
    assert pareto([row(1, 9.0), row(1, 8.0)]) == [1]


def test_equal_layouts_are_told_once() -> None:
    """Same time, bytes, devices and place: the first stays."""
    rows = [row(1, 1.0, name="x"), row(1, 1.0, name="y"), row(1, 1.0, 16), row(1, 1.0, place="b"), row(2, 1.0)]
    left = distinct(rows)
    assert [r.get("name") for r in left] == ["x", None, None, None]


def test_best_of_each_place_first() -> None:
    """Then the front, then the rest; one place alone keeps its order."""
    rows = [row(1, 9.0, place="a"), row(2, 8.0, place="a"), row(3, 9.5, place="a"), row(4, 10.0, place="b")]
    first, count = best_of_each_first(rows)
    assert count == 2
    assert [r["step_time_s"] for r in first] == [1, 4, 2, 3]
    alone = rows[:3]
    assert best_of_each_first(alone) == (alone, 1)


@pytest.mark.parametrize("heads", [1, 3])
def test_the_fastest_of_each_choice_of_degrees_is_kept(heads: int) -> None:
    """Of so many of them, whatever the order, beside the fastest of all; of usual layouts only."""
    draw, best, fastest = random.Random(heads), Best(2, heads), {}
    for _ in range(30):
        outer = Outer(tp=1, pp=draw.randint(1, 6), cp=1, dp=1)
        inner = replace(grid((1, 2, 4)), ep=(1, 2), offload=(0, 1))
        seconds = np.array([draw.uniform(1, 100) for _ in range(inner.size)]).reshape(inner.shape)
        rare = draw.random() < 0.3
        best.offer(seconds, seconds, seconds > 5, outer, inner, 1, "", None if rare else {"offload": 1})
        for at in np.ndindex(*inner.shape):
            there = dict(zip(AXES, at, strict=True))
            if not rare and seconds[at] > 5 and not there["offload"]:
                key = outer.pp, inner.ep[there["ep"]]
                fastest[key] = min(seconds[at], fastest.get(key, math.inf))
    wanted = sorted(fastest.values())[:heads]
    assert sorted(found.seconds for found in best.firsts.values()) == wanted
    for (outer, ep), found in best.firsts.items():
        assert (found.degrees, found.flags()["offload"]) == ((outer, ep), False)
        assert found.seconds == fastest[outer.pp, ep]
    times = [found.seconds for found in best.ranked()]
    assert times == sorted(times)
    assert set(wanted) <= set(times)


def test_every_choice_of_degrees_once_before_its_variants() -> None:
    """Ranked as they were among each other; what nobody does comes after."""
    named = {"place": "here", "provider": None, "devices": 8, "pp": 1, "cp": 1, "ep": 1}
    rows = [{**named, "tp": tp, "usual": i != 5, "i": i} for i, tp in enumerate((2, 2, 4, 2, 4, 8))]
    assert [row["i"] for row in degrees_first(rows)] == [0, 2, 1, 3, 4, 5]
    assert [row["i"] for row in degrees_first([{**row, "place": str(row["i"])} for row in rows])] == [*range(6)]
