"""The head that a config's ``architectures`` names: totals that people know, and hand arithmetic."""

from __future__ import annotations

from typing import Any

import pytest

from mfu_planner.architectures import from_config
from mfu_planner.counting import model_work
from mfu_planner.operators import Workload

QWEN3 = {
    "model_type": "qwen3", "hidden_size": 1024, "num_hidden_layers": 28, "num_attention_heads": 16,
    "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 3072, "vocab_size": 151936,
    "tie_word_embeddings": True, "attention_bias": False, "use_sliding_window": False, "num_labels": 1,
}  # fmt: skip
LLAMA = {
    "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 128256, "tie_word_embeddings": False,
}  # fmt: skip
MT5 = {
    "model_type": "mt5", "architectures": ["MT5ForConditionalGeneration"], "d_model": 512, "d_kv": 64, "d_ff": 1024,
    "num_layers": 8, "num_decoder_layers": 8, "num_heads": 6, "feed_forward_proj": "gated-gelu", "vocab_size": 250112,
    "tie_word_embeddings": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "name", "params"),
    [
        (QWEN3, "Qwen3ForSequenceClassification", 596_050_944),
        (LLAMA, "LlamaForSequenceClassification", 7_504_928_768 + 4096),
        ({**LLAMA, "num_labels": 1}, "LlamaForSequenceClassification", 7_504_928_768),
        ({**LLAMA, "id2label": {"0": "score"}}, "LlamaForSequenceClassification", 7_504_928_768),
        (MT5, "MT5ForConditionalGeneration", 300_176_768),
    ],
)
def test_published_totals(config: dict[str, Any], name: str, params: int) -> None:
    """Parameters of reward models and of a checkpoint that keeps a head of its own."""
    assert from_config({**config, "architectures": [name]}).params == params


def test_without_a_class_the_usual_one_is_taken_and_said() -> None:
    """No ``architectures``, or a name nobody knows, means the language model head, with a note."""
    usual = from_config({**LLAMA, "architectures": ["LlamaForCausalLM"]})
    for named in (None, ["SomethingElse"]):
        built = from_config({**LLAMA, "architectures": named})
        assert built.params == usual.params
        assert any("architectures names" in note and "language model head" in note for note in built.notes)
    assert not any("architectures names" in note for note in usual.notes)


def test_reward_and_value_heads() -> None:
    """A value head is one more output beside the vocabulary; a two-layer reward head stands instead of it."""
    work, width, vocab = Workload(batch=1, seq_len=10), 4096, 128256
    bare = from_config({**LLAMA, "architectures": ["LlamaModel"]})
    value = from_config({**LLAMA, "architectures": ["AutoModelForCausalLMWithValueHead"]})
    reward = from_config({**LLAMA, "architectures": ["LlamaForRewardModel"]})

    assert value.params - bare.params == width * vocab + width + 1
    assert model_work(value, work).forward - model_work(bare, work).forward == 2 * 10 * width * (vocab + 1)
    assert reward.params - bare.params == width * width + width + width + 1
    assert model_work(reward, work).total - model_work(bare, work).total == 3 * 2 * 10 * width * (width + 1)


@pytest.mark.parametrize("name", ["GPTJ", "Llama"])
def test_a_span_has_a_start_and_an_end(name: str) -> None:
    """Two outputs and their biases, though the config names one label: transformers' GenericForQuestionAnswering."""
    sizes = {"n_embd": 64, "n_layer": 2, "n_head": 4, "rotary_dim": 8, "n_positions": 64, "vocab_size": 100}
    config = {"model_type": "gptj", **sizes} if name == "GPTJ" else LLAMA
    spans, bare = (
        from_config({**config, "num_labels": 1, "architectures": [f"{name}{end}"]})
        for end in ("ForQuestionAnswering", "Model")
    )

    assert spans.params - bare.params == 2 * (64 if name == "GPTJ" else 4096) + 2
