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


LLAMA: dict[str, Any] = {
    "model": "llama-3.1-405b", "hardware": "h100-sxm", "devices": 1024, "tp": 8, "seq_len": 8192, "global_batch": 128,
    "micro_batch": 1,
}  # fmt: skip
ENDS = {"pipeline_embedding": True, "pipeline_loss": True}


def imbalance(**asked: Any) -> float:
    """Seconds of it in the waterfall."""
    return next(p["seconds"] for p in predict(**asked).waterfall if p["name"] == "stage_imbalance")


def test_embedding_and_loss_among_the_layers() -> None:
    """126 layers on 16 stages of 8 chunks, 94 on 32 of 3: the ends hold a layer less and wait less."""
    llama = {**LLAMA, "pp": 16, "vpp": 8}
    qwen = {**QWEN, "pp": 32, "vpp": 3, "devices": 512}
    for asked in (llama, qwen):
        assert imbalance(**asked, **ENDS) < imbalance(**asked)
        assert memory(**asked, **ENDS).total_bytes < memory(**asked).total_bytes


def test_uneven_ends() -> None:
    """126 layers as 15 stages of 8 and 6, or 7 · 2 ends and 14 of 8, as with embedding and loss among them."""
    asked = {**LLAMA, "pp": 16}
    both = predict(**asked, layers_first=7, layers_last=7)
    assert both.step_time_s == predict(**asked, **ENDS).step_time_s
    assert predict(**asked, layers_last=6).step_time_s != both.step_time_s


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ({"pp": 8, **ENDS, "vpp": 3}, "virtual_pipeline_model_parallel_size 3"),
        ({"pp": 4, "devices": 2048, "pipeline_embedding": True}, "pipeline_model_parallel_size 4"),
        ({"pp": 16, "layers_first": 7}, "pipeline_model_parallel_size 15"),
        ({"pp": 16, "layers_first": 7, "vpp": 2}, "virtual pipeline parallel degree"),
        ({"pp": 16, "layers_first": 120}, "a layer or more for each of 15"),
        ({"pp": 1, "layers_first": 7}, "--pp of 2"),
        ({"pp": 16, "layers_first": 7, "pipeline_loss": True}, "not both"),
    ],
)
def test_divisions_that_nobody_builds(flags: dict[str, Any], reason: str) -> None:
    """Each with why."""
    with pytest.raises(InputError, match=reason):
        memory(**{**LLAMA, "global_batch": 1024, **flags})


def test_a_search_divides_evenly() -> None:
    """And says so."""
    with pytest.raises(InputError, match="evenly"):
        search(model="gpt2", hardware="h100-sxm", devices=8, global_batch=64, pipeline_loss=True)
