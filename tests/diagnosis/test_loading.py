"""A data loader by arithmetic: what stated workers deliver against what a device would consume."""

from __future__ import annotations

import math

import pytest

from mfu_planner import diagnose, predict
from mfu_planner.errors import InputError

RUN = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "global_batch": 256}


@pytest.mark.parametrize(("workers", "seconds", "rate"), [(8, "32s", 2048), (2, "8s", 2048), (2, "4s", 4200)])
def test_a_run_as_fast_as_its_workers_deliver_waits_for_them(workers: int, seconds: str, rate: float) -> None:
    """8 / 32 s · 8,192 tokens = 2,048 tokens/s: just what was observed, and no network is read into it."""
    found = diagnose(**RUN, tokens_per_second_per_device=rate, sample_time=seconds, loader_workers=workers)
    assert found.first_cause == "data-loading"
    able = predict(**RUN).tokens_per_s_per_device
    wanted = math.ceil(1.5 * able / 8192 * float(seconds[:-1]))
    assert any(f"{wanted} per device" in action.change for action in found.actions)


def test_workers_that_deliver_far_more_are_not_the_limit() -> None:
    found = diagnose(**RUN, tokens_per_second_per_device=4200, sample_time="0.01s", loader_workers=8)
    assert found.first_cause != "data-loading"


def test_padding_that_would_need_more_than_the_peak_is_refused() -> None:
    with pytest.raises(InputError, match=r"padding.*at most"):
        diagnose(
            model="llama-3.1-8b", hardware="h100-sxm", devices=8, tokens_per_second_per_device=12500, padding="50%"
        )


def test_processes_that_crowd_the_cores_are_a_suspect_whatever_arithmetic_says() -> None:
    """Thirty-two processes on four cores of a device (a public thread: four were right)."""
    run = {"model": "vit-b16", "hardware": "v100-sxm2-16gb", "dtype": "fp16", "devices": 8, "global_batch": 1024}
    found = diagnose(**run, step_time="1.86s", loader_workers=32, cores_per_loader=0.125)

    assert (found.first_cause, found.confidence) == ("data-loading", "low")
    assert "4 per device in place of 32" in found.actions[0].change


def test_measured_wait_stands_before_a_rest_that_nobody_predicted() -> None:
    """13 s of 55 wait for data; without a model nothing says that the rest is lost."""
    found = diagnose(
        params="13B", hardware="a100-sxm-80gb", devices=8, global_batch=16, seq_len=30000, step_time="55s",
        loader_wait="13s", loader_workers=16,
    )  # fmt: skip

    assert (found.first_cause, found.confidence) == ("data-loading", "high")


def test_no_cause_gives_back_more_than_was_lost() -> None:
    """Falcon-7B LoRA over slow links: predicted and implied communication together were 102% of the time."""
    run = {"model": "falcon-7b", "hardware": "a10g", "devices": 8, "lora_rank": 8, "zero": 3, "framework": "litgpt"}
    found = diagnose(**run, seq_len=512, global_batch=8, micro_batch=1, step_time="30s")

    assert found.first_cause == "communication"
    assert all((f.share or 0) <= 1 - found.mfu for f in found.findings if f.code.startswith("cause/"))
