"""Layouts as Megatron's recipes state them: accepted, priced as they are divided, refused for its own reasons."""

from __future__ import annotations

from typing import Any

import pytest

from mfu_planner import memory, predict, search
from mfu_planner.errors import InputError

QWEN: dict[str, Any] = {
    "model": "qwen3-235b-a22b", "hardware": "h100-sxm", "devices": 256, "tp": 2, "pp": 8, "seq_len": 4096,
    "global_batch": 256, "micro_batch": 1,
}  # fmt: skip
EXPERTS = 12 * 128 * 3 * 4096 * 1536 * 2
"""Bytes in 16 bits of the experts of a stage: 12 of 94 layers, 128 experts of three matrices (its config.json)."""


def test_experts_fold_over_tensor_parallelism_too() -> None:
    """EP 32 over TP 2 · DP 16; half of each expert and half as many of them are the same bytes."""
    held = {
        (ep, etp): memory(**QWEN, ep=ep, etp=etp).weights_bytes
        for ep in (8, 16, 32)
        for etp in (1, 2)
        if ep < 32 or etp < 2
    }
    assert held[16, 1] - held[32, 1] == EXPERTS / 16 - EXPERTS / 32
    assert held[8, 1] - held[8, 2] == EXPERTS / 8 - EXPERTS / 16
    assert held[16, 2] == held[32, 1]


def test_said_or_not() -> None:
    """Expert TP 1 is what EP has by itself; rows that devices of one expert exchange take time."""
    assert predict(**QWEN, ep=16, etp=1).step_time_s == predict(**QWEN, ep=16).step_time_s
    parts = {etp: {p["name"]: p["seconds"] for p in predict(**QWEN, ep=8, etp=etp).waterfall} for etp in (1, 2)}
    assert parts[2]["expert_parallel"] > parts[1]["expert_parallel"]


def test_refused_in_the_words_of_megatron() -> None:
    """Two devices each for 32 expert groups on 32 devices."""
    reason = r"world_size \(256\) is not divisible by expert_tensor_model_pipeline_parallel size \(512\)"
    with pytest.raises(InputError, match=reason):
        predict(**QWEN, ep=32, expert_tensor_parallel_size=2)


def test_search_holds_expert_tp() -> None:
    """Every row is the layout's own prediction."""
    asked = {"model": "mixtral-8x7b", "hardware": "h100-sxm", "devices": 16, "seq_len": 4096, "global_batch": 64}
    rows = search(**asked, etp=2, space="usual", top=4).layouts
    assert rows
    for row in rows:
        assert row["question"]["etp"] == 2
        assert row["tp"] * row["cp"] * row["dp"] % (row["ep"] * 2) == 0
        assert predict(**row["question"]).step_time_s == row["step_time_s"]
