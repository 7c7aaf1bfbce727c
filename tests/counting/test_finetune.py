"""Frozen parts and adapters: gradients that nobody needs are not counted."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mfu_planner.architectures import Architecture, from_config
from mfu_planner.counting import model_work
from mfu_planner.counting.conventions import flops_per_unit
from mfu_planner.counting.finetune import frozen, trainable_params, with_lora
from mfu_planner.errors import InputError
from mfu_planner.operators import Workload
from mfu_planner.questions.model import choose_model


@cache
def model(name: str) -> Architecture:
    found = choose_model(model=name).architecture
    assert found is not None
    return found


@pytest.mark.parametrize(
    "name", ["llama-3.1-8b", "gpt2", "deepseek-v3", "t5-small", "whisper-small", "vit-b16", "zamba2-7b"]
)
def test_nothing_frozen_changes_nothing(name: str) -> None:
    """Marking every weight as trained leaves the work as it is."""
    work = Workload(2, 96, 32)

    assert model_work(frozen(model(name)), work).total == model_work(model(name), work).total


def test_lora_parameters_of_llama() -> None:
    """Rank 16 on q and v of Llama 3.1 8B: 32 · 16 · ((4096 + 4096) + (4096 + 1024)) = 6,815,744."""
    assert trainable_params(with_lora(model("llama-3.1-8b"), 16, ["q_proj", "v_proj"])) == 6_815_744


def test_lora_work_by_hand() -> None:
    """GPT-2 with adapters on the output projection: two passes through frozen weights, none below the first adapter."""
    L, h, V, s, r = 12, 768, 50257, 64, 4
    work = model_work(with_lora(model("gpt2"), r, ["o_proj"]), Workload(1, s))
    per_token = {"qkv": 3 * h * h, "o": h * h, "mlp": 8 * h * h, "adapter": 2 * h * r}
    attention = 4 * s * s * h
    forward = L * (2 * s * sum(per_token.values()) + attention) + 2 * s * h * V
    later = (L - 1) * (2 * s * (per_token["qkv"] + per_token["o"]) + 2 * attention)  # input gradients
    mlps = L * 2 * s * per_token["mlp"]
    first = 2 * s * h * r  # layer 0 needs only the input gradient of the adapter's second factor
    adapters = L * 2 * s * per_token["adapter"] + (L - 1) * 2 * s * per_token["adapter"] + first
    backward = later + mlps + adapters + 2 * s * h * V

    assert (work.forward, work.backward) == (forward, backward)


def test_first_layer_needs_no_key_gradient() -> None:
    """Adapters on q and v only: nothing below layer 0's keys is trained, so their gradient is left out."""
    adapted = with_lora(model("llama-3.1-8b"), 8, ["q_proj", "v_proj"])
    of_layer = {
        n: op.gradients for b in adapted.blocks for n in b.layers for op in b.operators if op.name == "attention"
    }

    assert of_layer[0] == "qv"
    assert set(of_layer.values()) == {"qv", "qkv"}


@pytest.mark.parametrize("name", ["llama-3.1-8b", "mixtral-8x7b", "deepseek-v3", "bert-base"])
def test_lora_costs_less_than_full_training(name: str) -> None:
    """Between the forward pass and full training, however the adapters lie."""
    work = Workload(1, 512)
    whole, adapted = model_work(model(name), work), model_work(with_lora(model(name), 8), work)

    assert whole.forward < adapted.total < whole.total


def test_a_frozen_bottom_needs_no_backward_pass() -> None:
    """Freezing embedding and the first 6 of 12 layers removes their whole backward pass."""
    work = Workload(1, 128)
    whole = model_work(model("gpt2"), work)
    half = model_work(frozen(model("gpt2"), blocks=["embedding"], layers=range(6)), work)
    head = 2 * 128 * 768 * 50257
    layer = (whole.forward - head) // 12

    assert whole.backward - half.backward == 2 * 6 * layer


def test_a_frozen_tower_keeps_the_other_ones_gradients() -> None:
    """Whisper with a frozen audio tower: the decoder's work is unchanged, the tower's backward pass is gone."""
    whisper, work = model("whisper-small"), Workload(1, 64)
    tower = frozen(whisper, stacks=["audio"])
    kept = [op for b, op in tower.each() if b.stack == "audio"]

    assert all(op.backward_flops(work) == 0 for op in kept)
    assert model_work(tower, work).total < model_work(whisper, work).total


def test_bridge_counts_frozen_weights_two_thirds() -> None:
    """Megatron-Bridge leaves weight gradients of frozen weights out: 4 per weight instead of 6."""
    llama, work = model("llama-2-7b"), Workload(1, 2048)
    everything = frozen(llama, operators=[op.name for _, op in llama.each() if op.params])
    linear = llama.params - llama.embedding_params - 65 * 4096

    got = flops_per_unit(llama, work, "megatron-bridge") - flops_per_unit(everything, work, "megatron-bridge")

    assert got == 2 * linear


@pytest.mark.parametrize(
    "call",
    [
        lambda m: with_lora(m, 0),
        lambda m: with_lora(m, 8, ["q_porj"]),
        lambda m: frozen(m, stacks=["vision"]),
        lambda m: frozen(m, operators=["nothing"]),
    ],
)
def test_names_that_do_not_exist_are_refused(call) -> None:  # type: ignore[no-untyped-def]
    """A rank below one, or a name that the model lacks."""
    with pytest.raises(InputError):
        call(model("llama-2-7b"))


GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "finetuning.json").read_text("utf-8"))


@pytest.mark.parametrize("case", GOLDEN["cases"])
def test_equals_what_torch_measures(case: dict[str, Any]) -> None:
    """Adapters and frozen parts of a small Llama: the integers of FlopCounterMode, forward and with backward."""
    llama = from_config(GOLDEN["config"])
    if targets := case.get("lora"):
        changed = with_lora(llama, GOLDEN["rank"], targets)
    else:
        blocks = ["embedding"] if case["frozen_embedding"] else []
        changed = frozen(llama, layers=case["frozen_layers"], blocks=blocks)
    counted = model_work(changed, Workload(GOLDEN["batch"], GOLDEN["seq_len"]))

    assert (counted.forward, counted.total) == (case["forward"], case["total"])
