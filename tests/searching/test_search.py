"""The search: complete, correct against one-by-one prediction, and honest about what it looked at."""

from __future__ import annotations

import math

import pytest

from mfu_planner.errors import InputError, NoAnswer
from mfu_planner.prediction.predicting import predict
from mfu_planner.searching.search import search
from mfu_planner.searching.space import divisors, inner_grid, outer_layouts

SMALL = {"model": "llama-3.2-1b", "hardware": "h100-sxm", "devices": 16, "global_batch": 64, "seq_len": 2048}


@pytest.fixture(scope="module")
def found():
    """One search of the usual space."""
    return search(**SMALL, space="usual", top=40)


def test_every_layout_uses_all_devices(found):
    """tp · pp · cp · dp = devices, and micro-batches divide the batch."""
    for row in found["layouts"]:
        assert row["tp"] * row["pp"] * row["cp"] * row["dp"] == 16
        assert 64 % (row["dp"] * row["micro_batch"]) == 0


def test_times_are_those_of_predict(found):
    """The vectorised time and memory of a layout are what a single prediction says."""
    for row in found["layouts"][::8]:
        flags = {
            k: row[k] for k in ("tp", "pp", "vpp", "cp", "dp", "zero", "micro_batch", "recompute", "sequence_parallel")
        }
        said = predict(**SMALL, **flags)

        assert row["step_time_s"] == pytest.approx(said["step_time_s"], rel=1e-9)
        assert row["total_bytes"] == pytest.approx(said["memory"]["total_bytes"], rel=1e-9)
        assert row["mfu"] == pytest.approx(said["mfu"], rel=1e-9)


def test_fastest_first_and_all_fit(found):
    """Ranked by time, each within the memory that may be used."""
    times = [row["step_time_s"] for row in found["layouts"]]

    assert times == sorted(times)
    assert all(row["total_bytes"] <= 80e9 for row in found["layouts"])
    assert 0 < found["feasible"] <= found["evaluated"]


def test_count_is_the_size_of_the_space(found):
    """``evaluated`` counts every point of every grid."""
    from mfu_planner.layout.work import model_work
    from mfu_planner.model import choose_model

    work = model_work(choose_model(model="llama-3.2-1b").architecture)
    grids = [
        inner_grid(outer, work, 64, whole=False, selective=False) for outer in outer_layouts(work, 16, 64, 2048, 8)
    ]

    assert found["evaluated"] == sum(math.prod(g.shape) for g in grids)


def test_given_flags_stay_fixed():
    """A search with tp given looks at no other tp."""
    rows = search(**SMALL, tp=4, recompute="full", space="usual")["layouts"]

    assert {(row["tp"], row["recompute"]) for row in rows} == {(4, "full")}


def test_several_sizes_by_cost():
    """Cost per run with tokens given; the front falls in cost as it rises in time."""
    said = search(**{**SMALL, "devices": "8,16,32"}, tokens="100B", price="2 $/h", rank="cost", space="usual")
    front = said["pareto"]

    assert said["layouts"][0]["cost_usd"] == min(row["cost_usd"] for row in said["layouts"])
    assert [f["step_time_s"] for f in front] == sorted(f["step_time_s"] for f in front)
    assert [f["cost_usd"] for f in front] == sorted((f["cost_usd"] for f in front), reverse=True)


def test_smallest_cluster_that_meets_a_deadline():
    """Ranked by devices, the first row is the smallest size in time."""
    said = search(**{**SMALL, "devices": [8, 16, 32]}, tokens="300B", deadline="30d", rank="devices", space="usual")

    assert said["layouts"][0]["training_time_s"] <= 30 * 86400


def test_nothing_fits():
    """A model that no layout holds is an expected answer with advice."""
    with pytest.raises(NoAnswer, match="more devices"):
        search(model="llama-3.1-405b", hardware="a100-sxm-40gb", devices=8, global_batch=8, seq_len=8192, space="usual")


def test_unknown_flag_is_refused():
    """A misspelt flag is named."""
    with pytest.raises(InputError):
        search(**SMALL, rnak="time")


def test_divisors():
    """All of them, ascending."""
    assert divisors(12) == (1, 2, 3, 4, 6, 12)
