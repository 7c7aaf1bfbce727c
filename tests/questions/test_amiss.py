"""What a model or a device does not have is refused or said, not taken in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mfu_planner import diagnose, flops, memory, plan, predict, search
from mfu_planner.errors import InputError

MACHINE = str(Path(__file__).parents[1] / "machine" / "machine.yaml")
DENSE = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "global_batch": 256}


@pytest.mark.parametrize("field", ["ep", "etp", "expert_imbalance"])
@pytest.mark.parametrize("function", [predict, memory])
def test_a_dense_model_has_no_experts(function: Any, field: str) -> None:
    if function is memory and field == "expert_imbalance":
        pytest.skip("memory does not ask it")
    with pytest.raises(InputError, match="has no experts"):
        function(**DENSE, **{field: 2})


def test_a_mixture_takes_an_imbalance() -> None:
    asked = {**DENSE, "model": "mixtral-8x7b", "ep": 8, "seq_len": 4096, "micro_batch": 1}
    assert predict(**asked, expert_imbalance=2).step_time_s > predict(**asked).step_time_s


def test_a_rank_above_every_matrix_is_refused() -> None:
    """GPT-2's matrices are 768 wide: an adapter of that rank is as large as what it adapts, and none is larger."""
    assert flops(model="gpt2", seq_len=8, lora_rank=768).params["total"] > 0
    with pytest.raises(InputError, match="at most 768"):
        flops(model="gpt2", seq_len=8, lora_rank=9_999_999)


def test_a_length_beyond_the_learned_positions_is_said() -> None:
    asked = {"hardware": "h100-sxm", "devices": 8, "tokens": "1B", "mfu": 0.4, "seq_len": 8192}
    assert any("1,024 learned positions" in w for w in plan(**asked, model="gpt2").warnings)
    assert not any("learned" in w for w in plan(**asked, model="llama-3.1-8b").warnings)


def test_a_length_that_nobody_has_is_refused() -> None:
    with pytest.raises(InputError, match="100,000,000"):
        flops(model="gpt2", seq_len="1e9")


def test_a_format_that_was_never_named_is_not_blamed() -> None:
    """A machine with one format is asked in it; of a device with several, one must be named."""
    found = predict(model="gpt2", machine=MACHINE, devices=1, global_batch=8)
    assert found.inputs["dtype"] == "fp32"
    assert any("only format" in said for said in found.warnings)
    assert predict(model="gpt2", machine=MACHINE, devices=1, global_batch=8, dtype="fp32").mfu == found.mfu
    with pytest.raises(InputError, match="got 'nothing'; accepted: one of fp64, fp32, fp16"):
        plan(model="gpt2", hardware="v100-sxm2-32gb", devices=8, tokens="1B", mfu=0.4)


def test_one_device_has_no_nodes_and_no_network() -> None:
    said = predict(model="gpt2", machine=MACHINE, devices=1, global_batch=8).assumptions
    assert not any("nodes" in each or "network" in each for each in said)
    two = predict(model="gpt2", machine=MACHINE, devices=2, global_batch=8).assumptions
    assert any("nodes of 8 devices" in each for each in two)


@pytest.mark.parametrize("stack", ["generic", "megatron-2024"])
def test_nothing_is_selected_beside_a_fused_kernel(stack: str) -> None:
    """It keeps no scores: time, bytes and hardware FLOPs are those of no recomputation, and it is said."""
    none, selective = (
        predict(**DENSE, tp=2, micro_batch=1, stack=stack, recompute=again) for again in ("none", "selective")
    )
    assert selective.step_time_s == none.step_time_s
    assert selective.hfu == none.hfu
    assert any("nothing to repeat" in said for said in selective.warnings)


def test_a_stack_that_repeats_products_executes_them() -> None:
    """torchtitan's repeats half of them: more time and more hardware FLOPs than none, less than all layers again."""
    made = [
        predict(**DENSE, tp=2, micro_batch=1, stack="torchtitan-2025", recompute=again)
        for again in ("none", "selective", "full")
    ]
    times = [found.step_time_s for found in made]
    executed = [found.hfu * found.step_time_s for found in made]
    assert times == sorted(times)
    assert executed == sorted(executed)
    assert executed[0] < executed[1] < executed[2]


def test_what_would_leave_the_range_of_numbers_or_of_runs_is_refused() -> None:
    """A rate over which a step would last for ever, a file that is a number, a run of a microsecond's part."""
    small: dict[str, Any] = {"model": "gpt2", "hardware": "h100-sxm", "devices": 8, "global_batch": 64}
    with pytest.raises(InputError, match=r"loader-tokens-per-s: .*not nearly zero"):
        predict(**small, loader_tokens_per_s=1e-320)
    for wrong in ({"files": float("nan")}, {"log": 64}, {"log": ["train.log", 64]}, {"provider": object}):
        with pytest.raises(InputError, match=rf"{next(iter(wrong))}: .*text, or a list of texts"):
            diagnose(**small, tokens_per_second="1M", **wrong)
    with pytest.raises(InputError, match=r"tokens: .*at least a microsecond"):
        search(**small, tokens=1)
