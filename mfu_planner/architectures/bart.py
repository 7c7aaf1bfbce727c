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
from mfu_planner.architectures.task_heads import head_kind, head_linear, pooled_classifier
from mfu_planner.operators import ALL, CAUSAL, TARGET_TOKENS, TOKENS, Elementwise, Lookup, Rows, Split

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


def decoder_alone(
    c: Config,
    s: Sizes,
    entries: int,
    *,
    before: bool,
    notes: list[str],
    embedding_norm: bool = True,
    k_bias: bool = True,
) -> Architecture:
    """The decoder as a language model: nothing stands to be attended to, so its cross-attention is held and idle."""
    rows = TOKENS
    layer: Operators = ()
    for op in decoder_layer(s, rows, rows, before=before, k_bias=k_bias):
        if not op.name.startswith("cross_"):
            layer += (op,)
        elif op.params:
            layer += (Elementwise(name=f"idle_{op.name}", width=0, weights=op.params, rows=rows),)
    tied = c.flag("tie_word_embeddings", default=True)
    first: Operators = (embedding(s.vocab, s.hidden), positions(entries, s.hidden))
    first += (norm("embedding_norm", s.hidden, bias=True),) if embedding_norm else ()
    last: Operators = (norm("final_norm", s.hidden, bias=True),) if before else ()
    return Architecture(
        name=c.model_type,
        hidden=s.hidden,
        vocab=s.vocab,
        blocks=(
            Block("embedding", first),
            Block("layer", layer, layer_numbers(s.layers)),
            Block("output", (*last, *head(s.hidden, s.vocab, tied=tied))),
        ),
        notes=tuple(notes),
    )


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
    """Both stacks; where nothing is tied, each has a table of its own beside the one that they would share."""
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
    apart = not c.flag("tie_word_embeddings", default=True)
    idle: Operators = (Elementwise(name="idle_embed_tokens", width=0, weights=vocab * hidden, rows=rows),)
    table = Lookup(
        name="decoder_embed_tokens",
        entries=vocab,
        width=hidden,
        split=Split.COLUMN,
        rows=rows,
        shared_with="" if apart else "embed_tokens",
    )

    def first(table: Lookup, rows: Rows) -> Operators:
        return (table, positions(entries, hidden, rows=rows), norm("embedding_norm", hidden, bias=True, rows=rows))

    last = norm("final_norm", hidden, bias=True)
    if kind == "decoder alone":
        return decoder_alone(c, dec, entries, before=before, notes=notes)
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
            Block("decoder embedding", (*first(table, rows), *(idle if apart else ()))),
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
