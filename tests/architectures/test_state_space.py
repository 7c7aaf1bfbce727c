"""State-space models and hybrids: published totals, shared blocks, layer patterns, and configs that cannot be right."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sympy

from mfu_planner.architectures import Architecture, from_config
from mfu_planner.counting.count import model_work
from mfu_planner.errors import InputError
from mfu_planner.facts import folder
from mfu_planner.operators import Attention, Scan, Workload

MAMBA2: dict[str, Any] = {
    "model_type": "mamba2", "hidden_size": 48, "num_hidden_layers": 2, "state_size": 8, "conv_kernel": 4, "expand": 2,
    "vocab_size": 100, "num_heads": 12, "head_dim": 8, "n_groups": 3, "chunk_size": 16, "use_bias": False,
    "use_conv_bias": True, "tie_word_embeddings": False,
}  # fmt: skip
ZAMBA: dict[str, Any] = {
    "model_type": "zamba2", "hidden_size": 48, "num_hidden_layers": 5, "vocab_size": 100, "num_attention_heads": 4,
    "num_key_value_heads": 4, "intermediate_size": 60, "mamba_d_state": 8, "mamba_d_conv": 4, "mamba_expand": 2,
    "mamba_ngroups": 2, "n_mamba_heads": 6, "chunk_size": 16, "num_mem_blocks": 2, "adapter_rank": 5,
    "use_mem_rope": True, "add_bias_linear": False, "use_shared_attention_adapter": False, "tie_word_embeddings": True,
    "layers_block_type": ["mamba", "hybrid", "hybrid", "hybrid", "mamba"],
}  # fmt: skip
NEMOTRON: dict[str, Any] = {
    "model_type": "nemotron_h", "hidden_size": 48, "vocab_size": 100, "num_attention_heads": 6,
    "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 70, "mamba_num_heads": 6, "mamba_head_dim": 8,
    "ssm_state_size": 8, "n_groups": 2, "conv_kernel": 4, "chunk_size": 16, "hybrid_override_pattern": "M-M*",
    "num_hidden_layers": 4, "use_bias": False, "mlp_bias": False, "use_conv_bias": True, "tie_word_embeddings": False,
    "num_nextn_predict_layers": 0,
}  # fmt: skip


def preset(name: str) -> Architecture:
    """The model of a preset's config."""
    return from_config(json.loads((folder("model_specs") / f"{name}.json").read_text("utf-8"))["config"])


@pytest.mark.parametrize(("name", "published"), [("mamba-2.8b", 2_768_345_600), ("codestral-mamba-7b", 7_285_403_648)])
def test_published_totals(name: str, published: int) -> None:
    """Element counts of the published checkpoints."""
    assert preset(name).params == published


def test_qwen3_next_checkpoint_holds_one_prediction_layer() -> None:
    """81,324,862,720 elements: the model and one module with a full-attention layer of experts."""
    assert preset("qwen3-next-80b-a3b").with_prediction().params == 81_324_862_720


def test_mamba2_layer_by_hand() -> None:
    """In-projection, convolution with bias, three scan vectors, gated norm, out-projection, norm before."""
    inner, convolved = 96, 96 + 2 * 3 * 8
    layer = 48 * (inner + convolved + 12) + 5 * convolved + 3 * 12 + inner + inner * 48 + 48

    assert from_config(MAMBA2).params == 2 * 100 * 48 + 48 + 2 * layer


def test_convolution_pads_in_full_only() -> None:
    """The reference pads both ends: length + 3 positions; the published count has one for each token."""
    model = from_config(MAMBA2)
    convolution = next(op for _, op in model.each() if op.name == "conv1d")
    work = Workload(batch=2, seq_len=10)

    assert convolution.forward_flops(work) == 2 * 2 * 144 * 4 * 13
    assert convolution.forward_flops(work.allowed()) == 2 * 2 * 144 * 4 * 10
    assert convolution.backward_flops(work) == 2 * convolution.forward_flops(work)


def test_shared_blocks_part_parameters_and_work() -> None:
    """A fourth use of the two blocks adds their work again, but only adapters and a projection as parameters."""
    three = from_config(ZAMBA)
    four = from_config(ZAMBA | {"layers_block_type": ["hybrid", "hybrid", "hybrid", "hybrid", "mamba"]})
    work = Workload(batch=1, seq_len=7)
    shared = next(block for block in three.blocks if block.shared)
    own = 48 * 5 + 5 * 2 * 60 + 48 * 48
    block_work = sum(op.forward_flops(work) for op in shared.operators)

    assert four.params - three.params == own
    assert model_work(four, work).forward - model_work(three, work).forward == block_work + 2 * 7 * own
    assert [block.layers for block in three.blocks if block.shared] == [(1, 3), (2,)]


def test_jamba_layers_stand_where_period_and_offset_say() -> None:
    """Attention in layers 4, 12, 20 and 28 of 32, experts in the odd ones."""
    model = preset("jamba-1.5-mini")
    attends = {n for b in model.blocks for n in b.layers if any(isinstance(op, Attention) for op in b.operators)}
    sparse = {n for b in model.blocks for n in b.layers if any(op.name == "router" for op in b.operators)}

    assert attends == {4, 12, 20, 28}
    assert sparse == set(range(1, 32, 2))


def test_nemotron_pattern_and_list_say_the_same() -> None:
    """M-M* as letters and as names."""
    names = {key: value for key, value in NEMOTRON.items() if key != "hybrid_override_pattern"}
    listed = from_config(names | {"layers_block_type": ["mamba", "mlp", "linear_attention", "attention"]})

    assert listed.blocks == from_config(NEMOTRON).blocks


def test_nemotron_is_never_tied_and_says_so() -> None:
    """The reference implementation builds a head of its own whatever the config says."""
    tied = from_config(NEMOTRON | {"tie_word_embeddings": True})

    assert tied.params == from_config(NEMOTRON).params
    assert any("tie_word_embeddings" in note for note in tied.notes)


@pytest.mark.parametrize("config", [MAMBA2, ZAMBA, NEMOTRON], ids=lambda c: c["model_type"])
def test_symbols_go_through_every_operator(config: dict[str, Any]) -> None:
    """Batch and length as symbols give the integers when numbers are put in, full and published."""
    model = from_config(config)
    b, s = sympy.symbols("b s", positive=True, integer=True)
    for allowed in (False, True):
        shown = model_work(model, Workload(batch=b, seq_len=s, allowed_pairs_only=allowed)).total
        exact = model_work(model, Workload(batch=2, seq_len=37, allowed_pairs_only=allowed)).total

        assert int(shown.subs({b: 2, s: 37})) == exact


def test_scan_is_the_only_difference_that_is_not_attention_or_padding() -> None:
    """Full minus published work of a pure state-space model: scans and the padded convolutions."""
    model, work = from_config(MAMBA2), Workload(batch=1, seq_len=37)
    scans = [op for _, op in model.each() if isinstance(op, Scan)]
    scan_gap = sum(2 * (op.forward_flops(work) - op.forward_flops(work.allowed())) for op in scans)

    assert model_work(model, work).forward - model_work(model, work.allowed()).forward == (
        scan_gap + 2 * 2 * 144 * 4 * 3
    )


@pytest.mark.parametrize(
    ("config", "change", "named"),
    [
        (MAMBA2, {"expand": 3}, "num_heads"),
        (MAMBA2, {"intermediate_size": 100}, "intermediate_size"),
        (MAMBA2, {"n_groups": 5}, "groups"),
        (ZAMBA, {"layers_block_type": ["mamba", "hybrid"]}, "layers_block_type"),
        (ZAMBA, {"layers_block_type": None}, "layers_block_type"),
        (NEMOTRON, {"hybrid_override_pattern": "M-MX"}, "hybrid_override_pattern"),
        (NEMOTRON, {"hybrid_override_pattern": "M-M"}, "hybrid_override_pattern"),
    ],
)
def test_what_cannot_be_right_is_named(config: dict[str, Any], change: dict[str, Any], named: str) -> None:
    """A contradiction is an error that names the field."""
    with pytest.raises(InputError, match=named):
        from_config(config | change)
