"""Published sizes of models of 2025 and 2026, and the pairs that sparse attention needs, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from mfu_planner.architectures import from_config
from mfu_planner.errors import InputError
from mfu_planner.operators import ChannelDeltaRule, CompressedAttention, Mask, MaskKind, StreamMixing, Workload

LONGCAT: dict[str, Any] = {
    "model_type": "longcat_flash", "vocab_size": 131072, "hidden_size": 6144, "num_layers": 28,
    "num_attention_heads": 64, "ffn_hidden_size": 12288, "q_lora_rank": 1536, "kv_lora_rank": 512,
    "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "moe_topk": 12, "n_routed_experts": 512,
    "zero_expert_num": 256, "expert_ffn_hidden_size": 2048, "tie_word_embeddings": False,
}  # fmt: skip
"""https://huggingface.co/meituan-longcat/LongCat-Flash-Chat/blob/main/config.json"""


def test_longcat_holds_560_billion_and_27_are_active() -> None:
    """arXiv:2509.01322: 560B in all, 27B active on average: eight of twelve chosen experts compute."""
    built = from_config(LONGCAT)

    assert built.params / 1e9 == pytest.approx(560, rel=0.01)
    assert built.active_params / 1e9 == pytest.approx(27, rel=0.05)
    assert any("256 of 768 experts compute nothing" in note for note in built.notes)


@pytest.mark.parametrize(("rate", "chosen", "window"), [(4, 0, 9), (4, 3, 9), (3, 100, 1), (16, 2, 40)])
@pytest.mark.parametrize("length", [1, 3, 15, 16, 77, 200])
def test_compressed_pairs_one_by_one(rate: int, chosen: int, window: int, length: int) -> None:
    """The closed form equals the sum over queries of entries before them, the best of those, and the window."""
    op = CompressedAttention(
        name="a", heads=1, kv_heads=1, qk_dim=1, v_dim=0, mask=Mask(MaskKind.WINDOW, window), rate=rate, chosen=chosen
    )
    seen = [(i // rate if not chosen else min(chosen, i // rate)) + min(i, window) for i in range(1, length + 1)]
    work = Workload(batch=2, seq_len=length)

    assert op.pairs(work.allowed()) == 2 * sum(seen)
    assert op.pairs(work) == 2 * length * (length + length // rate)


def test_top_mask_is_the_best_of_the_keys_before() -> None:
    """Query i sees min(i, size) keys."""
    assert Mask(MaskKind.TOP, 8).pairs(30, 30) == sum(min(i, 8) for i in range(1, 31))


def test_channel_delta_rule_by_hand() -> None:
    """One chunk of 64: two products of the solved triangle, one of the scores, three with the state."""
    op = ChannelDeltaRule(name="scan", key_heads=2, value_heads=2, key_dim=8, value_dim=8)
    one = Workload(batch=1, seq_len=64)

    assert op.forward_flops(one) == 2 * (3 * 2 * 64 * 64 * 8 + 3 * 2 * 64 * 8 * 8)
    assert op.backward_flops(one) == 2 * op.forward_flops(one) - 2 * 4 * 2 * 64 * 8 * 8
    assert op.forward_flops(one.allowed()) <= op.forward_flops(one)


def test_stream_mixing_by_hand() -> None:
    """Each token: a matrix of streams by streams times its streams, twice again backward."""
    op = StreamMixing(name="mix", streams=4, width=10)
    work = Workload(batch=3, seq_len=5)

    assert op.forward_flops(work) == 2 * 15 * 4 * 4 * 10
    assert op.backward_flops(work) == 2 * op.forward_flops(work)


def test_contradictions_are_refused() -> None:
    """A queries' rank that is null where they are always compressed; lists of another length."""
    with pytest.raises(InputError, match="q_lora_rank"):
        from_config({**LONGCAT, "q_lora_rank": None})


def test_gemma_3n_is_its_decoder_and_says_so() -> None:
    """The towers are left out, by name; the decoder is counted as by itself."""
    text = {
        "model_type": "gemma3n_text", "vocab_size": 300, "vocab_size_per_layer_input": 262144, "hidden_size": 32,
        "intermediate_size": 64, "num_hidden_layers": 5, "num_attention_heads": 4, "num_key_value_heads": 2,
        "head_dim": 8, "num_kv_shared_layers": 2, "hidden_size_per_layer_input": 4, "laurel_rank": 4,
    }  # fmt: skip
    whole = from_config({"model_type": "gemma3n", "text_config": text, "tie_word_embeddings": True})

    assert whole.params == from_config({**text, "tie_word_embeddings": True}).params
    assert sum("the tower is left out" in note for note in whole.notes) == 2


def test_phimoe_takes_two_experts_whatever_its_config_says() -> None:
    """Its router picks the best expert, then the best of the others (arXiv:2409.12136)."""
    config = {
        "model_type": "phimoe", "hidden_size": 48, "intermediate_size": 64, "num_hidden_layers": 2, "vocab_size": 100,
        "num_attention_heads": 4, "num_key_value_heads": 2, "num_local_experts": 6,
    }  # fmt: skip
    one, two = (from_config({**config, "num_experts_per_tok": chosen}) for chosen in (1, 2))

    assert one.active_params == two.active_params
    assert two.params - two.active_params == 2 * (6 - 2) * 3 * 48 * 64


def test_deberta_builds_the_norm_of_its_positions_without_them() -> None:
    """``norm_rel_ebd: layer_norm`` adds a weight and a bias of the width, with relative attention or without."""
    config = {
        "model_type": "deberta-v2", "hidden_size": 48, "intermediate_size": 76, "num_hidden_layers": 2,
        "num_attention_heads": 4, "vocab_size": 211, "max_position_embeddings": 64, "relative_attention": False,
    }  # fmt: skip
    with_norm, without = (from_config({**config, "norm_rel_ebd": kind}) for kind in ("layer_norm", "none"))

    assert with_norm.params - without.params == 2 * 48
