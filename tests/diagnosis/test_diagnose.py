"""``diagnose``: what it takes, what adds up, what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mfu_planner import predict
from mfu_planner.diagnosis import diagnose
from mfu_planner.diagnosis.causes import CAUSES, MEANINGS, PART_CAUSES
from mfu_planner.errors import InputError, NoAnswer

RUN: dict[str, Any] = {
    "model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "seq_len": 8192, "zero": 3, "micro_batch": 1,
    "global_batch": 256, "recompute": "none", "compile": True, "search": False,
}  # fmt: skip
SIXTY_FOUR = 64


def observed(**more: Any) -> Any:
    return diagnose(**{**RUN, "tokens_per_second_per_device": 6000, **more})


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"loader_wait": "20%"},
        {"loader_wait": "0.5s"},
        {"gpu_utilisation": "55%", "loader_workers": 0},
        {"slowest_rank": 1.2, "goodput": "90%"},
        {"eager": True, "compile": None},
        {"tokens_per_second_per_device": 14000},
        {"dtype": "fp8"},
        {"recompute": "full", "attention_kernel": "unfused"},
    ],
)
def test_shares_add_up_exactly(more: dict[str, Any]) -> None:
    """1 = MFU × goodput + every part of the gap, whatever the evidence."""
    found = observed(**more)
    assert found.effective_mfu + sum(g.share for g in found.gap) == pytest.approx(1.0, abs=1e-12)
    assert sorted(g.part for g in found.gap) == sorted(g.part for g in found.waterfall)


def test_measured_wait_is_taken_as_it_is() -> None:
    """A stated wait of 30% is 30% of the gap, and its fix gives 1 ÷ (1 − 0.95 · 0.30)."""
    found = observed(loader_wait="30%")
    part = next(g for g in found.gap if g.part == "input")
    assert part.share == pytest.approx(0.30)
    assert part.basis == "measured"
    action = next(a for a in found.actions if a.cause == "data-loading")
    assert action.speedup == pytest.approx(1 / (1 - 0.95 * 0.30))
    assert action.predicted_mfu == pytest.approx(found.mfu * action.speedup)


def test_the_answer_comes_in_one_sentence() -> None:
    """Cause and MFU after the fix."""
    found = observed(tokens_per_second_per_device=5200, loader_wait="40%")
    assert found.answer.startswith("It is your data loader; expect ")
    assert found.answer.endswith(f"after the fix (now {found.mfu:.0%}).")
    assert "\n" not in found.answer


def test_idle_device_without_a_reason_asks_for_the_deciding_measurement() -> None:
    """Utilisation tells that the device is idle, not why."""
    found = observed(tokens_per_second_per_device=5000, gpu_utilisation="60%")
    assert found.first_cause == "unexplained"
    assert found.confidence == "low"
    assert found.actions[0].kind == "measure"
    assert {"data-loading", "cpu"} <= set(found.actions[0].tells)
    assert found.deciding_measurement.measurement == found.actions[0].change


def test_busy_device_points_elsewhere() -> None:
    """The same slow run with a device that is busy all the time: the network is measured first, not named."""
    found = observed(tokens_per_second_per_device=5000, gpu_utilisation="99%")
    assert found.first_cause == "unexplained"
    assert "communication" in found.actions[0].tells


def test_storage_and_network_are_not_told_apart_by_a_rate() -> None:
    """Nothing but a rate: the diagnosis says what would decide."""
    found = observed(tokens_per_second_per_device=4500)
    assert {"data-loading", "communication"} <= {c for a in found.actions if a.kind == "measure" for c in a.tells}
    assert any(g.part == "unexplained" and g.share > 0.2 for g in found.gap)


def test_gains_are_ratios_of_the_predictor() -> None:
    """An fp8 run predicted at k times the speed gains k on the observation too."""
    from mfu_planner.answers.predict import predict

    flags = {k: v for k, v in RUN.items() if k != "search"}
    before, after = predict(**flags), predict(**{**flags, "dtype": "fp8"})
    found = diagnose(**RUN, tokens_per_second_per_device=before["tokens_per_s_per_device"])
    action = next(a for a in found.actions if a.change.startswith("fp8"))
    assert action.speedup == pytest.approx(
        after["tokens_per_s_per_device"] / before["tokens_per_s_per_device"], rel=1e-6
    )


def test_three_together_beat_each_alone() -> None:
    """Stacked gains are of different knobs and fit."""
    found = observed(loader_wait="20%", recompute="full")
    assert found.stacked.gain > max(a.gain for a in found.actions if a.fits is not False)
    assert len(set(found.stacked.changes)) == len(found.stacked.changes) == 3


def test_what_does_not_fit_comes_last_and_says_so() -> None:
    """Memory is a risk, not a secret."""
    found = observed(micro_batch=2, global_batch=1024)
    fits = [a.fits is not False for a in found.actions]
    assert fits == sorted(fits, reverse=True)
    assert all("does not fit" in a.risk for a in found.actions if a.fits is False)


def test_wrong_number_comes_first() -> None:
    """Above 100% no cause is named in the answer."""
    found = observed(tokens_per_second_per_device=40_000)
    assert found.findings[0].code == "sanity/above-100"
    assert "cannot be right" in found.answer


def test_assumed_settings_name_no_cause() -> None:
    """70B on 32 devices does not fit without recomputation: it is assumed, and not called the cause."""
    given = {"model": "llama-3.1-70b", "hardware": "h100-sxm", "devices": 32, "seq_len": 4096, "zero": 3, "mfu": "35%"}
    found = diagnose(**given)
    assert any("recompute full: the fastest that fits" in line for line in found.assumptions)
    assert found.first_cause != "recomputation"


def test_goodput_is_part_of_the_gap() -> None:
    """90% of the wall clock is steps."""
    found = observed(goodput="90%")
    lost = next(g for g in found.gap if g.cause == "goodput")
    assert lost.share == pytest.approx(0.1)
    assert found.effective_mfu == pytest.approx(0.9 * found.mfu)


def test_a_log_is_enough(tmp_path: Path) -> None:
    """A meter's log with a wait of 40% names the loader; model and hardware give the MFU."""
    head = {"mfu_planner_meter": 1, "devices": 8, "flops_per_token": 57.9e9, "peak_flops_per_s": 989.4e12, "rank": 0}
    step = {"step_time_s": 2.0, "data_time_s": 0.8, "tokens_per_step": 65536, "mfu": 0.24}
    steps = [{"step": n, **step, "total_tokens": 65536 * n, "timestamp": 1000.0 + 2.0 * n} for n in range(1, 12)]
    lines = [json.dumps(line) for line in (head, *steps)]
    path = tmp_path / "meter.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = diagnose(log=str(path), model="llama-3.1-8b", hardware="h100-sxm", seq_len=8192, search=False)
    assert found.first_cause == "data-loading"
    assert found.confidence == "high"
    assert next(g.share for g in found.gap if g.part == "input") == pytest.approx(0.4, abs=1e-6)


def test_a_trace_with_a_model_splits_the_products(tmp_path: Path) -> None:
    """Products and attention of the trace are the MFU plus what they take beyond it."""
    from mfu_planner.diagnosis.cases.traced import Writer, loader

    writer = Writer()
    loader(writer)
    path = writer.save(tmp_path)
    given = {k: v for k, v in RUN.items() if k != "global_batch"}
    found = diagnose(**given, trace=path, tokens_per_second_per_device=7000)
    assert found.first_cause == "data-loading"
    assert found.mfu + sum(g.share for g in found.gap) == pytest.approx(1.0, abs=1e-12)


def test_a_search_adds_its_best_layout() -> None:
    """Tensor parallelism of 8 for an 8B model: another layout is better, and the search says which."""
    given = {**RUN, "tp": 8, "zero": 1, "search": True}
    found = diagnose(**given, tokens_per_second_per_device=5000)
    action = next(a for a in found.actions if a.change.startswith("the best layout of a search"))
    assert action.gain > 0.05
    assert action.fits is True


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"loader_waits": 1}, "loader-waits"),
        ({"gpu_utilisation": "60"}, "gpu-utilisation"),
        ({"loader_wait": "130%"}, "loader-wait"),
        ({"slowest_rank": 0.8}, "slowest-rank"),
        ({"framework": "megatron-ml"}, "framework"),
        ({"compile": True, "eager": True}, "eager"),
        ({"tp": 5}, "devices"),
    ],
)
def test_bad_input_is_one_line(given: dict[str, Any], field: str) -> None:
    """The field is named."""
    with pytest.raises(InputError) as caught:
        observed(**given)
    assert caught.value.field == field


def test_nothing_observed_is_an_error() -> None:
    """A model alone has no MFU to explain."""
    with pytest.raises((InputError, NoAnswer)):
        diagnose(model="llama-3.1-8b", hardware="h100-sxm")


def test_every_part_and_cause_has_words_and_a_page() -> None:
    """Names, causes and pages are complete."""
    root = Path(__file__).parents[2]
    assert set(PART_CAUSES) == set(MEANINGS)
    assert set(PART_CAUSES.values()) <= set(CAUSES)
    for cause in CAUSES.values():
        text = (root / cause.page).read_text(encoding="utf-8")
        for heading in ("## What it means", "in ten minutes"):
            assert heading in text, cause.slug
        if cause.slug != "unexplained":
            assert "## What it costs" in text
            assert "## Fix it" in text


@pytest.mark.parametrize("given", [{"lora_rank": 16}, {"freeze": "embeddings"}, {"packed": "512:8,1024:4"}])
def test_what_is_trained_is_part_of_what_is_expected(given: dict[str, object]) -> None:
    """The expected MFU is that of the same adapters, frozen parts and documents, as ``predict`` says it."""
    asked = {
        "model": "llama-3.1-8b",
        "hardware": "h100-sxm",
        "devices": 8,
        "zero": 3,
        "seq_len": 8192,
        "global_batch": 8,
    }
    found = diagnose(**asked, **given, tokens_per_second_per_device=5000)

    assert found.predicted_step_time_s == predict(**asked, **given).step_time_s
