"""Mixtures of experts: published totals, dense twins, masks by brute force, and configs that cannot be right."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mfu_planner.architectures import Architecture, from_config
from mfu_planner.counting.count import model_work
from mfu_planner.errors import InputError
from mfu_planner.facts import folder
from mfu_planner.operators import Attention, Role, Split, Workload

SMALL: dict[str, Any] = {
    "model_type": "mixtral", "hidden_size": 48, "intermediate_size": 20, "num_hidden_layers": 2, "vocab_size": 100,
    "num_attention_heads": 6, "num_key_value_heads": 2, "num_local_experts": 4, "num_experts_per_tok": 2,
    "tie_word_embeddings": False, "sliding_window": None, "head_dim": 8,
}  # fmt: skip
LATENT: dict[str, Any] = {
    "model_type": "deepseek_v3", "hidden_size": 48, "intermediate_size": 70, "moe_intermediate_size": 20,
    "num_hidden_layers": 3, "first_k_dense_replace": 1, "vocab_size": 100, "num_attention_heads": 4,
    "q_lora_rank": 12, "kv_lora_rank": 10, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 6,
    "n_routed_experts": 6, "n_shared_experts": 1, "num_experts_per_tok": 2, "tie_word_embeddings": False,
    "attention_bias": False, "num_nextn_predict_layers": 1,
}  # fmt: skip


def preset(name: str) -> Architecture:
    """The model of a preset's config."""
    return from_config(json.loads((folder("model_specs") / f"{name}.json").read_text("utf-8"))["config"])


def test_all_experts_active_equal_the_dense_twin_plus_the_router() -> None:
    """Four experts of width 20, all used, multiply what one MLP of width 80 does; the router adds 48 × 4."""
    mixture = from_config(SMALL | {"num_experts_per_tok": 4})
    dense = from_config(
        {key: value for key, value in SMALL.items() if "experts" not in key}
        | {"model_type": "llama", "intermediate_size": 80, "attention_bias": False, "mlp_bias": False}
    )
    work = Workload(batch=3, seq_len=10)
    router = 2 * 48 * 4 * 30 * SMALL["num_hidden_layers"]

    assert mixture.params == dense.params + 48 * 4 * 2 == mixture.active_params
    assert model_work(mixture, work).forward == model_work(dense, work).forward + router
    assert model_work(mixture, work).backward == model_work(dense, work).backward + 2 * router


def test_active_parameters_by_hand() -> None:
    """Two of four experts unused in each of two layers: 2 · 2 · 3 · 48 · 20 parameters fewer."""
    model = from_config(SMALL)

    assert model.params - model.active_params == 2 * 2 * 3 * 48 * 20


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("mixtral-8x7b", 46_702_792_704),
        ("mixtral-8x22b", 140_620_634_112),
        ("qwen3-30b-a3b", 30_532_122_624),
        ("qwen3-235b-a22b", 235_093_634_560),
        ("gpt-oss-20b", 20_914_757_184),
        ("dbrx", 131_596_523_520),
    ],
)
def test_published_totals(name: str, published: int) -> None:
    """Element counts of the published checkpoints."""
    assert preset(name).params == published


def test_deepseek_v3_total_has_router_corrections_besides() -> None:
    """The checkpoint's 671,026,419,200 hold one correction for each expert of 58 layers, which are not trained."""
    assert preset("deepseek-v3").params + 58 * 256 == 671_026_419_200


def test_prediction_modules_come_on_request() -> None:
    """GLM-4.5-Air's checkpoint: the module with its own table and head, and corrections of 45 + 1 routers."""
    model = preset("glm-4.5-air")
    with_module = model.with_prediction()
    table = 151_552 * 4096

    assert with_module.params + 2 * table + 46 * 128 == 110_468_824_832
    assert model.with_prediction().with_prediction().params == with_module.params


def test_prediction_module_by_hand() -> None:
    """Merge 2h → h, a sparse layer and another pass through the head; three norms of width h and no new table."""
    model = from_config(LATENT)
    ahead = model.with_prediction()
    work = Workload(batch=1, seq_len=8)
    sparse = next(block for block in model.blocks if block.name == "sparse")
    layer = sum(op.forward_flops(work) for op in sparse.operators)

    assert ahead.params - model.params == sum(op.params for op in sparse.operators) + 2 * 48 * 48 + 3 * 48
    assert model_work(ahead, work).forward - model_work(model, work).forward == (
        layer + 2 * 8 * (2 * 48 * 48) + 2 * 8 * 48 * 100
    )


def test_latent_attention_by_hand() -> None:
    """DeepSeek's MLA with compressed queries: weights summed by hand."""
    attention = 48 * 12 + 12 + 12 * 4 * 12 + 48 * (10 + 4) + 10 + 10 * 4 * (8 + 6) + 4 * 6 * 48
    dense = from_config(LATENT | {"first_k_dense_replace": 3})

    assert dense.params == 2 * 100 * 48 + 48 + 3 * (attention + 2 * 48 + 3 * 48 * 70)


def allowed(name: str, length: int, layer: int) -> int:
    """Pairs that a mask allows, looked at one by one."""
    if name == "gpt_oss":
        keep = (lambda q, k: q - k < 12) if layer % 2 == 0 else (lambda _q, _k: True)
    else:
        keep = (lambda q, k: q // 16 == k // 16) if (layer + 1) % 4 else (lambda _q, _k: True)
    return sum(keep(q, k) for q in range(length) for k in range(q + 1))


@pytest.mark.parametrize("length", [9, 16, 40])
@pytest.mark.parametrize("name", ["gpt_oss", "llama4_text"])
def test_pairs_by_brute_force(name: str, length: int) -> None:
    """Windows of gpt-oss and chunks of Llama 4 allow the pairs that the masks of their layers do."""
    extra = {"attention_chunk_size": 16, "intermediate_size_mlp": 60} if name == "llama4_text" else {}
    model = from_config(
        SMALL | {"model_type": name, "num_hidden_layers": 8, "sliding_window": 12, "attention_bias": True, **extra}
    )
    work = Workload(batch=1, seq_len=length).allowed()
    found = {
        layer: op.pairs(work)
        for block in model.blocks
        for op in block.operators
        if isinstance(op, Attention)
        for layer in block.layers
    }

    assert found == {layer: allowed(name, length, layer) for layer in range(8)}


def test_llama4_runs_only_the_chosen_expert() -> None:
    """Scout, text part: 17.17 of 107.77 thousand million parameters are active."""
    spec = json.loads((folder("model_specs") / "llama-4-scout.json").read_text("utf-8"))["config"]
    model = from_config(spec["text_config"] | {"tie_word_embeddings": False})

    assert (model.params, model.active_params) == (107_769_861_120, 17_172_894_720)


def test_experts_are_split_by_expert_and_share_their_input() -> None:
    """What the step-time model reads: experts over the expert group, gate and up from one tensor."""
    model = from_config(SMALL)
    experts = [op for _, op in model.each() if op.role is Role.EXPERT and op.params]

    assert {op.split for op in experts} == {Split.EXPERT}
    assert [op.reads for op in experts] == ["expert_input", "expert_input", ""]


@pytest.mark.parametrize(
    ("config", "change", "named"),
    [
        (SMALL, {"num_experts_per_tok": 5}, "num_experts_per_tok"),
        (SMALL, {"num_experts": 8}, "num_local_experts"),
        (SMALL, {"num_key_value_heads": 4}, "num_key_value_heads"),
        (SMALL, {"num_local_experts": "8"}, "num_local_experts"),
        (SMALL, {"model_type": "gpt_oss", "layer_types": ["full_attention"]}, "layer_types"),
        (SMALL, {"model_type": "gpt_oss", "layer_types": ["full_attention", "slidin_attention"]}, "layer_types"),
        (SMALL, {"model_type": "qwen3_moe", "moe_intermediate_size": 8, "mlp_only_layers": "none"}, "mlp_only_layers"),
        (
            SMALL,
            {"model_type": "llama4_text", "attention_chunk_size": 8, "intermediate_size_mlp": 9, "no_rope_layers": [1]},
            "no_rope_layers",
        ),
    ],
)
def test_what_cannot_be_right_is_named(config: dict[str, Any], change: dict[str, Any], named: str) -> None:
    """A contradiction is an error that names the field, never a silent guess."""
    with pytest.raises(InputError, match=named):
        from_config(config | change)


@pytest.mark.parametrize("field", ["hidden_size", "intermediate_size", "q_lora_rank", "num_hidden_layers"])
def test_what_is_missing_is_named(field: str) -> None:
    """Without a default, a missing size is an error that names it (Kimi K2 has no class, hence no defaults)."""
    config = {key: value for key, value in LATENT.items() if key != field} | {"model_type": "kimi_k2"}

    with pytest.raises(InputError, match=field):
        from_config(config)


def test_an_unknown_key_changes_nothing_and_is_remarked() -> None:
    """The count stays, and the note says which key was not used."""
    model = from_config(SMALL | {"num_secret_experts": 3})

    assert model.params == from_config(SMALL).params
    assert any("num_secret_experts" in note for note in model.notes)
