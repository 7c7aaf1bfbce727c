"""The search: complete, correct against one-by-one prediction, and honest about what it looked at."""

from __future__ import annotations

import math

import pytest

from mfu_planner.answers.predict import predict
from mfu_planner.errors import InputError, NoAnswer
from mfu_planner.searching.search import search
from mfu_planner.searching.space import USUAL, divisors, inner_grid, outer_layouts

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
        said = predict(**{**SMALL, "stack": row["question"]["stack"]}, **flags)

        assert row["step_time_s"] == pytest.approx(said["step_time_s"], rel=1e-9)
        assert row["total_bytes"] == pytest.approx(said["memory"]["total_bytes"], rel=1e-9)
        assert row["mfu"] == pytest.approx(said["mfu"], rel=1e-9)


@pytest.mark.parametrize("zero", [None, 1, 3])
def test_the_default_stack_is_that_of_predict(zero):
    """Sharded weights are another kind of software; what is assumed is said as predict says it."""
    asked = {**SMALL, "model": "llama-3.1-8b", "zero": zero, "seq_len": None}
    flags = {k: v for k, v in asked.items() if v is not None}
    said, alone = search(**flags, space="usual", top=1), predict(**flags)
    assert said["layouts"][0]["question"]["stack"] == alone["inputs"]["stack"]
    software = [line for line in alone["assumptions"] if line.startswith(("software stack", "cluster"))]
    length = [line for line in alone["warnings"] if line.startswith("seq_len")]
    assert set(software + length) <= set(said["assumptions"])
    assert len(software) == 2
    assert len(length) == 1


def test_a_stack_of_ones_own_is_named():
    """Not by its base."""
    own = {"kind": "stack-calibration", "name": "ours-2026", "base": "generic", "constants": {}}
    said = search(**SMALL, stack=own, space="usual", top=1)["assumptions"]
    assert any("ours-2026, calibrated on own runs, on generic" in line for line in said)


def test_the_convention_is_said_where_the_model_asks_for_one():
    """Windows of Gemma: causal, as predict says."""
    flags = {**SMALL, "model": "gemma-3-4b"}
    assert any("causal convention" in line for line in search(**flags, space="usual", top=1)["assumptions"])


def test_fastest_first_and_all_fit(found):
    """Each choice of degrees once, ranked by time, then their variants; all within the memory that may be used."""
    rows = found["layouts"]
    keys = [tuple(row[name] for name in ("tp", "pp", "cp", "ep")) for row in rows]
    heads = len({key for key, row in zip(keys, rows, strict=True) if row["usual"]})
    assert len(set(keys[:heads])) == heads
    assert 5 < heads < len(rows)
    assert all(row["usual"] for row in rows[:heads])
    for part in (rows[:heads], rows[heads:]):
        times = [row["step_time_s"] for row in part]
        assert times == sorted(times)
    assert all(row["total_bytes"] <= 80e9 for row in found["layouts"])
    assert 0 < found["feasible"] <= found["evaluated"]


def test_count_is_the_size_of_the_space(found):
    """``evaluated`` counts every point of every grid."""

    from mfu_planner.questions.model import choose_model
    from mfu_planner.step.division import divide

    division = divide(choose_model(model="llama-3.2-1b").architecture)
    grids = [
        inner_grid(outer, division, 64, USUAL, selective=False) for outer in outer_layouts(division, 16, 64, 2048, 8)
    ]

    assert found["evaluated"] == sum(math.prod(g.shape) for g in grids)


def test_given_flags_stay_fixed():
    """A search with tp given looks at no other tp."""
    rows = search(**SMALL, tp=4, recompute="full", space="usual")["layouts"]

    assert {(row["tp"], row["recompute"]) for row in rows} == {(4, "full")}


def test_several_sizes_by_cost():
    """Cost per run with tokens given; the front falls in cost as it rises in time."""
    said = search(**{**SMALL, "devices": "8,16,32"}, tokens="100B", price="2 $/h", rank="cost", space="usual")
    front = [said["layouts"][i] for i in said["pareto"]]

    assert said["layouts"][0]["cost_usd"] == min(row["cost_usd"] for row in said["layouts"])
    assert [f["step_time_s"] for f in front] == sorted(f["step_time_s"] for f in front)
    assert [f["cost_usd"] for f in front] == sorted((f["cost_usd"] for f in front), reverse=True)


def test_smallest_cluster_that_meets_a_deadline():
    """Ranked by devices, the first row is the smallest size in time."""
    said = search(**{**SMALL, "devices": [8, 16, 32]}, tokens="300B", deadline="30d", rank="devices", space="usual")

    assert said["layouts"][0]["training_time_s"] <= 30 * 86400


def test_states_go_to_the_host_only_where_nothing_fits_without():
    """3B parameters of Adam on one 24 GB card (18 bytes each: 58 GB) run no other way; on 80 GB the best stay."""
    asked = {"model": "llama-3.2-3b", "devices": 1, "global_batch": 1, "seq_len": 512}
    assert all(row["offload"] and not row["usual"] for row in search(**asked, hardware="rtx-4090")["layouts"])
    with pytest.raises(NoAnswer):
        search(**asked, hardware="rtx-4090", offload=False)
    for flags, wanted in (({}, False), ({"offload": True}, True)):
        (first,) = search(**asked, hardware="h100-sxm", top=1, **flags)["layouts"]
        assert (first["offload"], first["usual"]) == (wanted, True)


def test_embedding_and_loss_count_as_layers_where_only_that_divides():
    """126 layers on 16 stages are 128 with both ends; the row's question gives its figures."""
    asked = {"model": "llama-3.1-405b", "hardware": "h100-sxm", "devices": 1024, "global_batch": 128, "seq_len": 8192}
    rows = search(**asked, pp=16, space="usual", top=3)["layouts"]
    for row in rows:
        assert (row["pipeline_embedding"], row["pipeline_loss"]) == (True, True)
        assert predict(**row["question"])["step_time_s"] == row["step_time_s"]
    (plain,) = search(**asked, pp=2, space="usual", top=1)["layouts"]
    assert plain["pipeline_embedding"] is None


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


CLOUDS = {"aws-p5": 6.88, "oci-h100": 10.0, "gcp-a3-highgpu": 11.06125, "azure-nd-h100-v5": 12.29}
"""Each provider's own on-demand price of an H100, USD per device-hour."""


@pytest.fixture(scope="module")
def clouds():
    """Four clouds, by the cost of the whole run."""
    asked = {k: v for k, v in SMALL.items() if k != "hardware"}
    return search(**asked, cluster=",".join(CLOUDS), tokens="20B", rank="cost", space="usual", top=10)


def test_four_clouds_have_four_prices_and_their_best_rows_come_first(clouds) -> None:
    """Price, day and source in the row; time and cost of the whole run by hand."""
    rows = clouds["layouts"]
    assert [r["cluster"] for r in rows[:4]] == list(CLOUDS)
    for row in rows:
        assert row["price_usd_per_device_hour"] == pytest.approx(CLOUDS[row["cluster"]])
        assert row["term"] == "on-demand"
        assert row["price_date"] >= "2026"
        assert row["price_source"].startswith("https://")
        steps = 20e9 / (SMALL["global_batch"] * SMALL["seq_len"])
        assert row["training_time_s"] == pytest.approx(steps * row["step_time_s"])
        hours = row["devices"] * row["training_time_s"] / 3600
        assert row["total_cost_usd"] == pytest.approx(hours * CLOUDS[row["cluster"]])
    for best in rows[:4]:
        assert all(best["cost_usd"] <= r["cost_usd"] for r in rows if r["cluster"] == best["cluster"])


def test_after_the_best_of_each_cloud_comes_the_front(clouds) -> None:
    """No other is both faster and cheaper than a row of it."""
    front = sorted(i for i in clouds["pareto"] if i >= 4)
    assert front == list(range(4, 4 + len(front)))
    rows = [clouds["layouts"][i] for i in clouds["pareto"]]
    assert [r["step_time_s"] for r in rows] == sorted(r["step_time_s"] for r in rows)
    assert [r["cost_usd"] for r in rows] == sorted((r["cost_usd"] for r in rows), reverse=True)


def test_providers_share_one_search() -> None:
    """One machine at three providers: the same layout, three prices; without tokens no total."""
    found = search(**SMALL, provider="lambda,aws,coreweave", space="usual", top=1)
    assert sorted(r["price_usd_per_device_hour"] for r in found["layouts"]) == [3.99, 6.155, 6.88]
    assert len({(r["tp"], r["dp"], r["step_time_s"]) for r in found["layouts"]}) == 1
    assert {r["total_cost_usd"] for r in found["layouts"]} == {None}


def test_spot_rows_carry_the_goodput_of_their_size() -> None:
    """Interruptions make the whole run longer than steps × step time."""
    spot = search(**SMALL, provider="gcp", term="spot", tokens="20B", space="usual", top=1)["layouts"][0]
    assert 0.9 < spot["goodput"] < 1
    steps = 20e9 / (SMALL["global_batch"] * SMALL["seq_len"])
    assert spot["training_time_s"] == pytest.approx(steps * spot["step_time_s"] / spot["goodput"])
