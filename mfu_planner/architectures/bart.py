"""BART and mBART: an encoder–decoder of BERT's kind; ``seq_len`` is the length of the source,
``target_seq_len`` that of the target.

References
----------
.. [1] Lewis et al. 2019, arXiv:1910.13461 (BART); Liu et al. 2020, arXiv:2001.08210 (mBART: norms before the branches).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.layers import Operators, Sizes, attention_of, cross_attention, post_norm, pre_norm
from mfu_planner.architectures.model import Architecture, Block, layer_numbers
from mfu_planner.architectures.parts import embedding, head, norm, plain_mlp, positions, residual
from mfu_planner.architectures.task_heads import head_kind, head_linear, model_class, pooled_classifier
from mfu_planner.errors import InputError
from mfu_planner.operators import ALL, CAUSAL, TARGET_TOKENS, TOKENS, Lookup, Rows, Split

_KINDS = {
    "ForConditionalGeneration": "language model head",
    "ForSequenceClassification": "sequence classifier",
    "ForQuestionAnswering": "span classifier",
    "ForCausalLM": "decoder alone",
    "Model": "no head",
}
_POSITION_OFFSET = 2
"""Rows that the position tables have before their first position."""


def decoder_layer(s: Sizes, rows: Rows, keys: Rows, *, before: bool, k_bias: bool = True) -> Operators:
    """Masked self-attention, attention to the encoder, a plain MLP; norms before the branches or behind the sums."""
    branches = (
        ("attention", attention_of(s, CAUSAL, bias=True, k_bias=k_bias, rotary=False, rows=rows)),
        ("cross_attention", cross_attention(s, rows, keys, bias=True, k_bias=k_bias)),
        ("mlp", plain_mlp(s.hidden, s.ffn, rows=rows)),
    )
    operators: Operators = ()
    for name, branch in branches:
        the_norm = norm(f"{name}_norm", s.hidden, bias=True, rows=rows)
        the_sum = residual(f"{name}_residual", s.hidden, rows=rows)
        operators += (the_norm, *branch, the_sum) if before else (*branch, the_sum, the_norm)
    return operators


def tower_sizes(c: Config, tower: str) -> Sizes:
    """Sizes of the encoder or the decoder of a config that states both."""
    hidden, heads = c.size("d_model"), c.size(f"{tower}_attention_heads")
    return Sizes(
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        ffn=c.size(f"{tower}_ffn_dim"),
        vocab=c.size("vocab_size"),
        head_dim=c.divides(f"d_model / {tower}_attention_heads", hidden, heads, letter="h"),
        layers=c.size(f"{tower}_layers"),
    )


def _bart(c: Config) -> Architecture:
    notes: list[str] = []
    kind = head_kind(c, _KINDS, "language model head", notes)
    enc, dec, before = tower_sizes(c, "encoder"), tower_sizes(c, "decoder"), c.model_type == "mbart"
    c.no_effect(
        "activation_function",
        "num_hidden_layers",
        "encoder_layerdrop",
        "decoder_layerdrop",
        "init_std",
        "scale_embedding",
        "classif_dropout",
        "add_bias_logits",
        "add_final_layer_norm",
        "normalize_before",
        "normalize_embedding",
        "static_position_embeddings",
        "force_bos_token_to_be_generated",
        "gradient_checkpointing",
        "save_step",
        "extra_pos_embeddings",
    )
    hidden, vocab, rows = enc.hidden, enc.vocab, TARGET_TOKENS
    entries = c.size("max_position_embeddings") + _POSITION_OFFSET
    join = pre_norm if before else post_norm
    encoder_layer = join(enc, attention_of(enc, ALL, bias=True, rotary=False), plain_mlp(hidden, enc.ffn), bias=True)
    table = Lookup(
        name="decoder_embed_tokens",
        entries=vocab,
        width=hidden,
        split=Split.COLUMN,
        rows=rows,
        shared_with="embed_tokens",
    )

    def first(table: Lookup, rows: Rows) -> Operators:
        return (table, positions(entries, hidden, rows=rows), norm("embedding_norm", hidden, bias=True, rows=rows))

    last = norm("final_norm", hidden, bias=True)
    if kind == "decoder alone":
        raise InputError(f"{c.origin}: architectures", model_class(c), "a class with both encoder and decoder")
    heads: dict[str, Operators] = {
        "no head": (),
        "sequence classifier": pooled_classifier(c, hidden),
        "span classifier": (head_linear("classifier", hidden, 2, rows=rows),),
    }
    usual = kind not in heads
    tied = c.flag("tie_word_embeddings", default=True) if usual else False
    c.no_effect("tie_word_embeddings")
    return Architecture(
        name=c.model_type,
        hidden=hidden,
        vocab=vocab,
        encoder_decoder=True,
        blocks=(
            Block("encoder embedding", first(embedding(vocab, hidden), TOKENS), stack="encoder"),
            Block("encoder layer", encoder_layer, layer_numbers(enc.layers), stack="encoder"),
            *((Block("encoder output", (last,), stack="encoder"),) if before else ()),
            Block("decoder embedding", first(table, rows)),
            Block("decoder layer", decoder_layer(dec, rows, TOKENS, before=before), layer_numbers(dec.layers)),
            Block(
                "output",
                (
                    *((norm("final_norm", hidden, bias=True, rows=rows),) if before else ()),
                    *(head(hidden, vocab, tied=tied, rows=rows) if usual else heads[kind]),
                ),
            ),
        ),
        notes=tuple(notes),
    )


IMPORTERS = {"bart": _bart, "mbart": _bart}
