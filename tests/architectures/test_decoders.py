"""Dense decoders: hand arithmetic, masks counted pair by pair, published totals, properties."""

from __future__ import annotations

from typing import Any

import pytest

from mfu_planner.architectures import Architecture, from_config
from mfu_planner.counting import model_work
from mfu_planner.errors import InputError
from mfu_planner.operators import Attention, MatMul, Workload

SMALL = {
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_hidden_layers": 6,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 101,
    "max_position_embeddings": 64,
    "head_dim": 16,
}


def built(model_type: str, **fields: Any) -> Architecture:
    """A small decoder with some fields changed."""
    return from_config({**SMALL, "model_type": model_type, **fields})


def brute_force_pairs(length: int, window: int | None) -> int:
    """(query, key) pairs of one causal sequence, counted one by one."""
    return sum(1 for q in range(length) for k in range(q + 1) if window is None or q - k < window)


@pytest.mark.parametrize(
    ("model_type", "fields", "local"),
    [
        ("gemma2", {"sliding_window": 5}, [0, 2, 4]),
        ("gemma3_text", {"sliding_window": 5, "sliding_window_pattern": 3}, [0, 1, 3, 4]),
        ("olmo3", {"sliding_window": 5}, [0, 1, 2, 4, 5]),
        ("cohere2", {"sliding_window": 5, "sliding_window_pattern": 2}, [0, 2, 4]),
        ("qwen3", {"sliding_window": 5, "use_sliding_window": True, "max_window_layers": 4}, [4, 5]),
        ("qwen2", {"sliding_window": 5, "use_sliding_window": False, "max_window_layers": 4}, []),
        ("smollm3", {"sliding_window": 5, "use_sliding_window": True}, [3]),
        ("phi3", {"sliding_window": 5}, list(range(6))),
        ("starcoder2", {"sliding_window": 5}, list(range(6))),
        ("exaone4", {"sliding_window": 5, "sliding_window_pattern": "LLG"}, [0, 1, 3, 4]),
        ("gemma2", {"sliding_window": 5, "layer_types": ["full_attention"] * 5 + ["sliding_attention"]}, [5]),
    ],
)
def test_local_layers_count_the_pairs_of_their_window(
    model_type: str, fields: dict[str, Any], local: list[int]
) -> None:
    """Causal FLOP = what is left without attention + 4 · heads · head size · pairs, layer by layer."""
    architecture, length = built(model_type, **fields), 13
    full = model_work(architecture, Workload(batch=1, seq_len=length)).forward
    causal = model_work(architecture, Workload(batch=1, seq_len=length, allowed_pairs_only=True)).forward
    heads, size = next((op.heads, op.qk_dim) for _, op in architecture.each() if isinstance(op, Attention))
    pairs = sum(brute_force_pairs(length, 5 if layer in local else None) for layer in range(6))

    assert full - causal == 4 * heads * size * (6 * length**2 - pairs)


def test_gemma2_parameters_by_hand() -> None:
    """Heads apart from the width, four norms in each layer, a tied head."""
    hidden, ffn, heads, kv, size, vocab, layers = 48, 64, 4, 2, 16, 101, 6
    attention = hidden * size * (heads + 2 * kv) + heads * size * hidden
    layer = attention + 3 * hidden * ffn + 4 * hidden

    assert built("gemma2", sliding_window=8).params == vocab * hidden + layers * layer + hidden


def test_falcon_multi_query_flops_by_hand() -> None:
    """One key-value head is projected, every query head is scored."""
    architecture = from_config(
        {
            "model_type": "falcon",
            "hidden_size": 48,
            "num_attention_heads": 4,
            "num_hidden_layers": 2,
            "vocab_size": 101,
            "multi_query": True,
            "parallel_attn": True,
            "bias": False,
            "alibi": False,
            "new_decoder_architecture": False,
            "tie_word_embeddings": True,
        }
    )
    rows, hidden, size = 2 * 9, 48, 12
    layer = 2 * rows * (hidden * (hidden + 2 * size) + hidden * hidden + 8 * hidden * hidden)
    scores = 2 * 2 * 2 * 9 * 9 * hidden

    head = 2 * rows * hidden * 101

    assert model_work(architecture, Workload(batch=2, seq_len=9)).forward == 2 * (layer + scores) + head


def test_opt_350m_has_projections_around_a_post_norm_stack() -> None:
    """OPT-350m: 512-wide words, 1,024-wide layers, no final norm (arXiv:2205.01068)."""
    architecture = from_config(
        {
            "model_type": "opt",
            "hidden_size": 1024,
            "word_embed_proj_dim": 512,
            "ffn_dim": 4096,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "vocab_size": 50272,
            "do_layer_norm_before": False,
            "max_position_embeddings": 2048,
        }
    )

    assert architecture.params == 331_196_416
    assert "project_in" in {op.name for _, op in architecture.each()}


@pytest.mark.parametrize(
    ("fields", "total"),
    [
        pytest.param(
            {
                "model_type": "falcon",
                "hidden_size": 4544,
                "num_attention_heads": 71,
                "num_hidden_layers": 32,
                "vocab_size": 65024,
                "tie_word_embeddings": False,
            },
            7_217_189_760,
            id="falcon-7b",
        ),
        pytest.param(
            {
                "model_type": "phi",
                "hidden_size": 2560,
                "num_attention_heads": 32,
                "num_hidden_layers": 32,
                "intermediate_size": 10240,
                "vocab_size": 51200,
            },
            2_779_683_840,
            id="phi-2",
        ),
        pytest.param(
            {"model_type": "bloom", "hidden_size": 1024, "n_head": 16, "n_layer": 24, "vocab_size": 250880},
            559_214_592,
            id="bloom-560m",
        ),
        pytest.param(
            {
                "model_type": "starcoder2",
                "hidden_size": 3072,
                "intermediate_size": 12288,
                "num_attention_heads": 24,
                "num_key_value_heads": 2,
                "num_hidden_layers": 30,
                "vocab_size": 49152,
            },
            3_030_371_328,
            id="starcoder2-3b",
        ),
        pytest.param(
            {
                "model_type": "gemma",
                "hidden_size": 3072,
                "intermediate_size": 24576,
                "num_attention_heads": 16,
                "num_key_value_heads": 16,
                "head_dim": 256,
                "num_hidden_layers": 28,
                "vocab_size": 256000,
            },
            8_537_680_896,
            id="gemma-7b",
        ),
        pytest.param(
            {
                "model_type": "gemma2",
                "hidden_size": 4608,
                "intermediate_size": 36864,
                "num_attention_heads": 32,
                "num_key_value_heads": 16,
                "head_dim": 128,
                "num_hidden_layers": 46,
                "vocab_size": 256000,
            },
            27_227_128_320,
            id="gemma-2-27b",
        ),
    ],
)
def test_published_totals(fields: dict[str, Any], total: int) -> None:
    """Totals published with the checkpoints."""
    assert from_config(fields).params == total


def test_unknown_layer_type_is_named() -> None:
    """A list of layer types that does not fit is an error, not a guess."""
    with pytest.raises(InputError, match="layer_types"):
        built("gemma2", sliding_window=8, layer_types=["full_attention"] * 5)
    with pytest.raises(InputError, match="layer_types"):
        built("gemma2", sliding_window=8, layer_types=["ring_attention"] * 6)


@pytest.mark.parametrize("field", ["hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size"])
def test_missing_size_is_named(field: str) -> None:
    """A size that is missing at the top level is an error that names it."""
    config = {k: v for k, v in {**SMALL, "model_type": "qwen3"}.items() if k != field}

    with pytest.raises(InputError, match=field):
        from_config(config)


def test_contradictory_heads_are_named() -> None:
    """Key-value heads must divide the query heads; a width without head_dim must divide into heads."""
    with pytest.raises(InputError, match="num_key_value_heads"):
        built("qwen3", num_key_value_heads=3)
    with pytest.raises(InputError, match="hidden_size / num_attention_heads"):
        from_config({**{k: v for k, v in SMALL.items() if k != "head_dim"}, "model_type": "olmo2", "hidden_size": 50})


def test_mpt_variants_that_are_not_counted_are_refused() -> None:
    """MPT with multi-query attention or norms on queries would be another model; what has no effect is noted."""
    base = {"model_type": "mpt", "d_model": 48, "n_heads": 4, "n_layers": 2, "vocab_size": 101, "expansion_ratio": 4}
    with pytest.raises(InputError, match="attn_type"):
        from_config({**base, "attn_config": {"attn_type": "multiquery_attention"}})
    with pytest.raises(InputError, match="qk_ln"):
        from_config({**base, "attn_config": {"qk_ln": True}})
    assert any("no_bias" in note for note in from_config({**base, "no_bias": False}).notes)


def test_unknown_keys_are_noted() -> None:
    """A key that nobody asked for is listed in the notes."""
    assert any("mystery_width" in note for note in built("granite", mystery_width=7).notes)


@pytest.mark.parametrize("model_type", ["qwen3", "phi3", "gemma2", "cohere2", "stablelm", "olmo2", "starcoder2"])
def test_properties(model_type: str) -> None:
    """FLOP are linear in the batch, causal is less than full, symbols and arrays give the same numbers."""
    import numpy as np
    import sympy

    architecture = built(model_type, sliding_window=8)
    one = model_work(architecture, Workload(batch=1, seq_len=24)).total
    s = sympy.Symbol("s", integer=True, positive=True)

    assert model_work(architecture, Workload(batch=5, seq_len=24)).total == 5 * one
    assert model_work(architecture, Workload(batch=1, seq_len=24, allowed_pairs_only=True)).total < one
    assert model_work(architecture, Workload(batch=1, seq_len=s)).total.subs(s, 24) == one
    swept = model_work(architecture, Workload(batch=np.array([1.0, 5.0]), seq_len=np.array([24.0, 24.0]))).total
    assert swept.tolist() == [float(one), float(5 * one)]


def test_parallel_branches_read_one_tensor() -> None:
    """Attention and MLP of a parallel layer share their input; of a sequential layer they do not."""

    def inputs_read(model_type: str) -> set[str]:
        return {op.reads for _, op in built(model_type).each() if isinstance(op, MatMul) and op.reads}

    assert inputs_read("cohere") == {"attention_input"}
    assert inputs_read("qwen3") == {"attention_input", "mlp_input"}
