"""Ranges: what they rest on, by hand; and that four in five published runs lie within."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest

from mfu_planner import predict
from mfu_planner.answers.trust import Known, reach
from mfu_planner.backtesting.kept import opening

HELD = {
    "low": 0.1,
    "high": 0.2,
    "wider": dict.fromkeys(("unlike", "other_device", "unmeasured_device", "other_format", "samples", "adapters"), 1.0)
    | {"no_runs": 2.0, "one_source": 1.25, "assumed_stack": 1.5},
    "beyond": {"parameters": 1.0, "devices": 1.1, "seq_len": 1.2},
    "slow": 1.3,
    "usual_mfu": 0.5,
    "most_doublings": 3.0,
    "sources": 7,
    "seen": {"megatron-2024": {"hopper wide": {"a": [[33, 6, 12], [36, 8, 12]], "b": [[34, 5, 13]]}}},
}
LIKE = Known(
    stack="megatron-2024",
    named=True,
    device="h100-sxm",
    dtype="bf16",
    params=2.0**33,
    devices=64,
    seq_len=4096,
    mfu=0.5,
)


def ends(known: Known, **more) -> tuple[float, float]:
    found = reach(known, HELD, **more)
    return -math.log(found.low), math.log(found.high)


@pytest.mark.parametrize(
    ("change", "factor"),
    [
        ({}, 1.0),
        ({"named": False}, 1.5),
        ({"stack": "generic"}, 2.0),
        ({"stack": "generic", "named": False}, 3.0),
        ({"devices": 1024}, 1.1**2),  # 256 were seen: two doublings
        ({"devices": 8, "seq_len": 16384}, 1.1**2 * 1.2),  # 32 and 8192 were seen
        ({"seq_len": 2**20}, 1.2**3),  # seven doublings count as three
        ({"mfu": 0.1}, 1.0),  # such runs are on file
        ({"stack": "generic", "mfu": 0.125}, 2.0 * 1.3**2),
        ({"device": "a100-sxm-80gb", "mfu": 0.01}, 1.3**3),
    ],
)
def test_a_range_widens_by_what_is_not_known(change, factor):
    assert ends(dataclasses.replace(LIKE, **change)) == pytest.approx((0.1 * factor, 0.2 * factor))


def test_runs_of_a_source_that_is_left_out_were_never_seen():
    """Without a, b's one run is left: one source, and 2^34 to 2^34 parameters, 32 devices, 8192 tokens."""
    assert ends(LIKE, left_out="a") == pytest.approx((0.1 * 1.25 * 1.1 * 1.2, 0.2 * 1.25 * 1.1 * 1.2))
    assert "one source alone" in reach(LIKE, HELD, left_out="a").basis


def test_a_range_says_what_widened_it():
    """Each reason with its factor, and no reason that widens nothing."""
    said = reach(dataclasses.replace(LIKE, named=False, devices=1024), HELD).basis

    assert "7 sources" in said
    assert "--stack names it (× 1.5)" in said
    assert "devices beyond those of such runs (32 to 256) (× 1.2)" in said
    assert "Wider" not in reach(LIKE, HELD).basis


def test_an_answer_is_never_surer_with_less_known():
    """On the factors on file: another size, no stack named, an unknown stack."""
    for less in (
        {"named": False},
        {"stack": "generic"},
        {"devices": 2.0**20},
        {"seq_len": 2.0**24},
        {"samples": True},
        {"mfu": 0.1},
    ):
        known, doubted = reach(LIKE), reach(dataclasses.replace(LIKE, **less))
        assert doubted.low <= known.low < 1 < known.high <= doubted.high


def test_a_prediction_has_the_range_of_its_case():
    flags = {"model": "llama-3-8b", "hardware": "h100-sxm", "devices": 64, "global_batch": 128, "seq_len": 8192}
    named, assumed = predict(**flags, stack="megatron-2024"), predict(**flags)
    known = dataclasses.replace(LIKE, params=8_030_261_248, seq_len=8192)

    for found, one in ((named, known), (assumed, dataclasses.replace(known, named=False))):
        one = dataclasses.replace(one, mfu=found.mfu)
        assert found.range["low"] == pytest.approx(found.step_time_s * reach(one).low)
        assert found.range["high"] == pytest.approx(found.step_time_s * reach(one).high)
    assert assumed.range["low"] < named.range["low"]


def test_four_in_five_runs_of_sources_never_seen_lie_within():
    """What the range claims, on sources that neither the constants nor the range saw."""
    groups = opening()["summary"]
    inside = [g["coverage"] for name, g in groups.items() if name != "all" and g["n"] >= 5]

    assert 0.72 <= sum(inside) / len(inside) <= 0.88


def test_a_machine_file_is_a_measurement() -> None:
    """What one measured on the device itself is no doubt about it."""
    asked = {"model": "gpt2", "devices": 1, "global_batch": 8, "dtype": "fp32"}
    own = predict(**asked, machine=str(Path(__file__).parents[1] / "machine" / "machine.yaml"))
    assert "measured on" in " ".join(own.assumptions)
    assert "were not measured" not in own.range["basis"]
    assert "were not measured" in predict(**asked, hardware="gtx-1080-ti").range["basis"]
