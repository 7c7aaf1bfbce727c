"""Pipeline schedules against a schedule played by hand, the papers' tables and the step as a whole."""

from __future__ import annotations

import numpy as np
import pytest

from mfu_planner.answers.memory import memory
from mfu_planner.answers.predict import predict
from mfu_planner.errors import InputError
from mfu_planner.searching.search import search
from mfu_planner.step.picture import schedule
from mfu_planner.step.schedules import DUALPIPE, GPIPE, ZERO_BUBBLE, fill_share, in_flight, in_flight_later

QUESTION = {
    "model": "llama-3.1-8b",
    "hardware": "h100-sxm",
    "devices": 64,
    "pp": 8,
    "global_batch": 128,
    "seq_len": 4096,
}


def played_gpipe(stages: int, micro_batches: int) -> float:
    """Length of a GPipe step by playing it: all forwards, then all backwards of twice the length."""
    forward = np.zeros((stages, micro_batches))
    for s in range(stages):
        for m in range(micro_batches):
            before = forward[s, m - 1] if m else 0.0
            forward[s, m] = 1.0 + max(before, forward[s - 1, m] if s else 0.0)
    backward = np.zeros((stages, micro_batches))
    for s in reversed(range(stages)):
        for m in range(micro_batches):
            before = backward[s, m - 1] if m else forward[s, -1]
            backward[s, m] = 2.0 + max(before, backward[s + 1, m] if s < stages - 1 else 0.0)
    return float(backward.max())


def test_gpipe_waits_as_long_as_when_played():
    """Forward 1, backward 2: m(F + B) and the bubble (p − 1)(F + B)."""
    length = 16 * 3.0 + fill_share(GPIPE, 4.0, 1.0, 2 / 3, 1 / 3) * 3 * 3.0

    assert length == pytest.approx(played_gpipe(4, 16))


@pytest.mark.parametrize(("stages", "count", "virtual"), [(4, 16, 1), (4, 16, 2), (8, 24, 3)])
def test_interleaving_waits_as_long_as_when_played(stages, count, virtual):
    """The schedule of the picture, pass by pass."""
    waiting = fill_share(0.0, float(stages), float(virtual), 2 / 3, 1 / 3) * (stages - 1) / count

    assert waiting == pytest.approx(schedule(stages, count, virtual).bubble)


def test_zero_bubble_as_in_its_paper():
    """Qi et al. 2023, section 2.3: (p − 1)(T_F + T_B − T_W) with the three passes of 1 each: (p − 1) · 1 of 3."""
    assert fill_share(ZERO_BUBBLE, 8.0, 1.0, 2 / 3, 1 / 3) * 3 * 7 == pytest.approx(7 * (1 + 1 - 1))


def test_dualpipe_as_in_its_paper():
    """DeepSeek-V3, table 2: (PP/2 − 1)(F&B + B − 3W) with F = 1, B = 2, W = 1 and F&B = 3: 3 · 2 for 8 stages."""
    assert fill_share(DUALPIPE, 8.0, 1.0, 2 / 3, 1 / 3) * 3 * 7 == pytest.approx((8 / 2 - 1) * (3 + 2 - 3))


def test_schedules_may_be_mixed_in_an_array():
    """One call for all of them."""
    codes = np.array([0.0, GPIPE, ZERO_BUBBLE, DUALPIPE])
    together = fill_share(codes, 8.0, 1.0, 0.7, 0.3)

    assert together == pytest.approx([float(fill_share(c, 8.0, 1.0, 0.7, 0.3)) for c in codes])
    assert in_flight(8.0, 32.0, 1.0, codes).tolist() == [8.0, 32.0, 8.0, 9.0]


def test_later_stages_hold_less_only_under_1f1b():
    """1F1B falls from p to one; GPipe holds every micro-batch everywhere."""
    assert [float(x) for x in in_flight_later(8.0, 0.0)] == [7.0, 1.0]
    assert [float(x) for x in in_flight_later(32.0, GPIPE)] == [32.0, 32.0]


def test_order_of_the_schedules():
    """The same layout: GPipe and 1F1B wait the same; zero bubble less, DualPipe least; GPipe holds the most."""
    names = ("gpipe", "1f1b", "zero-bubble", "dualpipe")
    step = {n: predict(**QUESTION, schedule=n)["step_time_s"] for n in names}
    held = {n: memory(**QUESTION, schedule=n) for n in names}

    assert step["gpipe"] == step["1f1b"] > step["zero-bubble"] > step["dualpipe"]
    assert held["gpipe"]["activations_bytes"] > held["1f1b"]["activations_bytes"]
    assert held["dualpipe"]["weights_bytes"] > 1.7 * held["1f1b"]["weights_bytes"]


def test_default_schedule_is_echoed():
    """1F1B with one chunk a stage, interleaved with several."""
    assert predict(**QUESTION)["inputs"]["schedule"] == "1f1b"
    assert predict(**QUESTION, vpp=2)["inputs"]["schedule"] == "interleaved"


@pytest.mark.parametrize("change", [{"schedule": "interleaved"}, {"schedule": "gpipe", "vpp": 2}, {"schedule": "dual"}])
def test_schedules_that_cannot_be_are_refused(change):
    """The field is named."""
    with pytest.raises(InputError) as refused:
        predict(**{**QUESTION, **change})

    assert refused.value.field == "schedule"


def test_dualpipe_needs_even_micro_batches():
    """128 sequences on dp 8 make 16 micro-batches, 120 make 15."""
    with pytest.raises(InputError, match="even"):
        predict(**{**QUESTION, "global_batch": 120}, schedule="dualpipe")


def test_search_keeps_a_fixed_schedule():
    """Every row is of that schedule and agrees with a single prediction."""
    best = search(model="llama-3.1-8b", hardware="h100-sxm", devices=16, pp=4, global_batch=64, seq_len=4096,
                  schedule="zero-bubble", space="usual")["layouts"][0]  # fmt: skip
    flags = {
        n: best[n]
        for n in (
            "devices",
            "tp",
            "pp",
            "vpp",
            "cp",
            "dp",
            "zero",
            "sequence_parallel",
            "micro_batch",
            "recompute",
            "schedule",
        )
    }
    said = predict(model="llama-3.1-8b", hardware="h100-sxm", global_batch=64, seq_len=4096, **flags)

    assert best["schedule"] == "zero-bubble"
    assert said["step_time_s"] == pytest.approx(best["step_time_s"])


@pytest.mark.parametrize("model", ["t5-3b", "whisper-small", "clip-vit-l14"])
def test_a_pipeline_over_two_stacks_is_refused_in_words(model):
    """Stages would pass two streams on; without a pipeline the same model is answered."""
    lengths = {"seq_len": 512, "target_seq_len": 128} if model == "t5-3b" else {"seq_len": 77}
    asked = {"model": model, "hardware": "h100-sxm", "devices": 8, "global_batch": 64, **lengths}
    with pytest.raises(InputError, match="two stacks"):
        predict(**asked, pp=2)

    assert 0 < predict(**asked).mfu < 1
