"""Encoders and encoder–decoders: heads, lengths of both sides, published totals, hand arithmetic."""

from __future__ import annotations

from typing import Any

import pytest

from mfu_planner.architectures import from_config
from mfu_planner.counting import model_work
from mfu_planner.errors import InputError
from mfu_planner.operators import Mask, MaskKind, Role, Rows, Stream, Workload

BERT = {
    "model_type": "bert",
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "vocab_size": 30522,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
}
T5 = {"model_type": "t5", "d_model": 48, "d_kv": 8, "d_ff": 96, "num_layers": 3, "num_heads": 4, "vocab_size": 101}
WHISPER_TINY = {
    "model_type": "whisper",
    "d_model": 384,
    "encoder_layers": 4,
    "decoder_layers": 4,
    "encoder_attention_heads": 6,
    "decoder_attention_heads": 6,
    "encoder_ffn_dim": 1536,
    "decoder_ffn_dim": 1536,
    "vocab_size": 51865,
    "num_mel_bins": 80,
    "max_source_positions": 1500,
    "max_target_positions": 448,
}


@pytest.mark.parametrize(
    ("config", "total"),
    [
        pytest.param({**BERT, "architectures": ["BertModel"]}, 109_482_240, id="bert-base-without-head"),
        pytest.param(
            {
                "model_type": "distilbert",
                "dim": 768,
                "hidden_dim": 3072,
                "n_layers": 6,
                "n_heads": 12,
                "vocab_size": 30522,
                "architectures": ["DistilBertModel"],
            },
            66_362_880,
            id="distilbert-without-head",
        ),
        pytest.param(
            {
                **BERT,
                "model_type": "xlm-roberta",
                "vocab_size": 250002,
                "max_position_embeddings": 514,
                "type_vocab_size": 1,
            },
            278_295_186,
            id="xlm-roberta-base",
        ),
        pytest.param(
            {**T5, "d_model": 512, "d_kv": 64, "d_ff": 2048, "num_layers": 6, "num_heads": 8, "vocab_size": 32128},
            60_506_624,
            id="t5-small",
        ),
        pytest.param(
            {
                "model_type": "bart",
                "d_model": 1024,
                "encoder_layers": 12,
                "decoder_layers": 12,
                "encoder_attention_heads": 16,
                "decoder_attention_heads": 16,
                "encoder_ffn_dim": 4096,
                "decoder_ffn_dim": 4096,
                "vocab_size": 50265,
                "max_position_embeddings": 1024,
            },
            406_291_456,
            id="bart-large",
        ),
        pytest.param(WHISPER_TINY, 37_760_640, id="whisper-tiny"),
    ],
)
def test_published_totals(config: dict[str, Any], total: int) -> None:
    """Totals published with the checkpoints."""
    assert from_config(config).params == total


def test_masked_language_model_by_hand() -> None:
    """Every product of a BERT layer, the head's transform and the vocabulary, on every position."""
    hidden, ffn, layers, vocab, rows, length = 768, 3072, 12, 30522, 2 * 128, 128
    layer = 2 * rows * (4 * hidden * hidden + 2 * hidden * ffn) + 4 * rows * length * hidden
    head = 2 * rows * (hidden * hidden + hidden * vocab)
    architecture = from_config({**BERT, "architectures": ["BertForMaskedLM"]})

    assert model_work(architecture, Workload(batch=2, seq_len=length)).forward == layers * layer + head


def test_bidirectional_attention_is_never_halved() -> None:
    """Full and causal are the same number where no mask hides anything."""
    architecture = from_config({**BERT, "architectures": ["BertForMaskedLM"]})
    work = Workload(batch=1, seq_len=64)

    assert model_work(architecture, work).total == model_work(architecture, work.allowed()).total


def test_head_follows_the_class_or_is_noted() -> None:
    """The class decides; without one the usual head is taken and named in the notes."""
    labels = {"0": "no", "1": "yes"}
    classes = from_config({**BERT, "architectures": ["BertForSequenceClassification"], "id2label": labels})
    silent = from_config(BERT)

    assert {op.name for _, op in classes.each() if op.role is Role.HEAD} == {"pooler", "classifier"}
    assert any("masked language model" in note for note in silent.notes)
    assert any(op.name == "lm_head" for _, op in silent.each())


def test_source_and_target_lengths_stand_apart() -> None:
    """T5: encoder work grows with the source alone, cross-attention with both, the head with the target alone."""
    architecture = from_config(T5)

    def forward(source: int, target: int) -> int:
        work = model_work(architecture, Workload(batch=1, seq_len=source, target_seq_len=target))
        return int(work.forward)

    inner, hidden, ffn, layers, vocab = 32, 48, 96, 3, 101
    encoder = layers * (2 * 10 * (4 * hidden * inner + 2 * hidden * ffn) + 4 * 10 * 10 * inner)
    decoder = layers * (
        2 * 7 * (4 * hidden * inner + 2 * hidden * ffn)
        + 4 * 7 * 7 * inner  # its own attention and MLP
        + 2 * 7 * 2 * hidden * inner
        + 2 * 10 * 2 * hidden * inner
        + 4 * 7 * 10 * inner  # q and o; k and v; scores
    )
    assert architecture.uses_target
    assert forward(10, 7) == encoder + decoder + 2 * 7 * hidden * vocab


def test_target_is_masked_and_cross_attention_is_not() -> None:
    """Causal counting thins the decoder's own attention only."""
    architecture = from_config(T5)
    work = Workload(batch=1, seq_len=10, target_seq_len=7)
    hidden_pairs = 7 * 7 - 7 * 8 // 2

    assert model_work(architecture, work).forward - model_work(architecture, work.allowed()).forward == (
        3 * 4 * 32 * hidden_pairs
    )


def test_gated_t5_keeps_the_head_that_its_checkpoint_holds() -> None:
    """Flan-T5's file says untied: the head is counted, and the note tells that building from a config ties it."""
    gated = from_config({**T5, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False})

    assert gated.params == from_config(T5).params + 6 * 48 * 96 + 48 * 101
    assert any(f"{48 * 101:,}" in note for note in gated.notes)
    with pytest.raises(InputError, match="feed_forward_proj"):
        from_config({**T5, "feed_forward_proj": "mixed-gelu"})


def test_whisper_hears_a_fixed_window() -> None:
    """The encoder's work does not depend on the decoder's length; the first convolution has no input gradient."""
    architecture = from_config(WHISPER_TINY)
    audio = [op for block, op in architecture.each() if block.stack == "audio"]
    short, long = Workload(batch=1, seq_len=1), Workload(batch=1, seq_len=448)

    assert sum(op.forward_flops(short) for op in audio) == sum(op.forward_flops(long) for op in audio)
    assert audio[0].backward_flops(short) == audio[0].forward_flops(short)
    assert not architecture.uses_target


@pytest.mark.parametrize(("reach", "length"), [(1, 1), (1, 9), (3, 3), (5, 12), (20, 12)])
def test_a_band_holds_the_pairs_at_most_so_far_apart(reach: int, length: int) -> None:
    """Counted one by one."""
    pairs = sum(abs(query - key) <= reach for query in range(length) for key in range(length))

    assert Mask(MaskKind.BAND, reach).pairs(length, length) == pairs


def test_positions_are_projected_once_for_a_batch() -> None:
    """DeBERTa: 2 · 16 offsets of width 24, projected to 24 in one layer, whatever the number of sequences."""
    config = {
        "model_type": "deberta-v2", "architectures": ["DebertaV2Model"], "vocab_size": 50, "hidden_size": 24,
        "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 40, "relative_attention": True,
        "pos_att_type": "c2p", "position_buckets": 16, "position_biased_input": False,
    }  # fmt: skip
    built = from_config(config)
    one, three = (model_work(built, Workload(batch=batch, seq_len=8)).forward for batch in (1, 3))

    assert 3 * one - three == 2 * (2 * 2 * 16 * 24 * 24)


@pytest.mark.parametrize(("size", "blocks", "length"), [(4, 1, 11), (4, 2, 15), (5, 3, 37), (7, 9, 30)])
def test_blocks_of_keys_hold_the_own_one_and_the_best_before_it(size: int, blocks: int, length: int) -> None:
    """A query sees its own block up to itself and as many whole blocks before it as are left to choose."""
    pairs = sum(query % size + 1 + size * min(blocks - 1, query // size) for query in range(length))

    assert Mask(MaskKind.BLOCKS, size, blocks).pairs(length, length) == pairs


def test_images_take_their_tokens_to_experts_of_their_own() -> None:
    """Rows of text and of images together are the positions of the sequence."""
    work = Workload(batch=3, seq_len=40, images=2)

    assert Rows(without=9).count(work) + Rows(Stream.IMAGE, 9).count(work) == 3 * 40


def test_layers_that_attend_to_images_rest_in_text_alone() -> None:
    """Llama 3.2 Vision leaves them out where a sequence has no image."""
    rows = Rows(Stream.SEEING)

    assert rows.count(Workload(batch=2, seq_len=8)) == 0
    assert rows.count(Workload(batch=2, seq_len=8, images=3)) == 16


def test_ten_seconds_of_sound_leave_499_frames() -> None:
    """wav2vec 2.0: seven convolutions, 400 samples for the first frame and 320 for each further one."""
    layers = ((10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2))

    assert Rows(thinned=layers).count(Workload(batch=1, seq_len=160_000)) == (160_000 - 400) // 320 + 1 == 499
