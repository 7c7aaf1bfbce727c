"""Eager runs: the same flag gives the same step in predict, search and diagnose, and published pairs say how much."""

from __future__ import annotations

from typing import Any

import pytest

from mfu_planner import diagnose, predict, search
from mfu_planner.hardware import resolve
from mfu_planner.machine.eager import eager, is_known
from mfu_planner.machine.toolbox import tools

RUN: dict[str, Any] = {
    "model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 128, "seq_len": 8192, "zero": 3, "micro_batch": 2,
    "global_batch": 256, "recompute": "selective", "stack": "torchtitan-2025",
}  # fmt: skip


def test_compiling_is_worth_what_was_published() -> None:
    """5,605 to 6,514 tokens/s on 128 H100 (pytorch/torchtitan, benchmarks/llama3_h100_202412_torchtitan.md): 1.162."""
    slow, fast = (predict(**RUN, compile=compiled).step_time_s for compiled in (False, True))
    assert slow / fast == pytest.approx(6514 / 5605, abs=0.06)


def test_one_number_everywhere() -> None:
    """predict, diagnose and the search's row speak of the same eager run."""
    step = predict(**RUN, compile=False)
    found = diagnose(**RUN, eager=True, mfu="30%", search=False)
    assert found.predicted_step_time_s == step.step_time_s
    assert any("eager" in line for line in step.assumptions)
    row = search(
        model="llama-3.1-8b", hardware="h100-sxm", devices=128, seq_len=8192, global_batch=256, stack="torchtitan-2025",
        compile=False, top=1,
    ).layouts[0]  # fmt: skip
    assert predict(**row["question"]).step_time_s == pytest.approx(row["step_time_s"])


def test_a_stack_of_uncompiled_runs_stays_as_it_is() -> None:
    """Megatron's constants are of runs that nobody compiled: the flag adds nothing, and the answer says so."""
    stack = tools(resolve("h100-sxm"), "bf16", "megatron-2024", None, None).stack
    assert not is_known(stack.name)
    same, said = eager(stack)
    assert same is stack
    assert "not compiled" in said
