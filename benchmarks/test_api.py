"""Warm calls through the API (pytest-benchmark): ``pytest --benchmark-only benchmarks``."""

from __future__ import annotations

from typing import Any

from mfu_planner import flops, measure, plan


def test_plan(benchmark: Any) -> None:
    """A plan, warm: at most 1 ms."""
    benchmark(plan, model="llama-3.1-8b", hardware="h100-sxm", devices=64, tokens="1T", mfu=0.4)


def test_measure(benchmark: Any) -> None:
    """A measurement with every convention, warm."""
    benchmark(measure, model="llama-3.1-8b", hardware="h100-sxm", tokens_per_second_per_device=9400)


def test_flops(benchmark: Any) -> None:
    """Every operator of a model, warm."""
    benchmark(flops, model="llama-3.1-405b", seq_len=8192)
