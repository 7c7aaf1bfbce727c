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
