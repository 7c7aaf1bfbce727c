"""DeBERTa: scores from content and from relative positions, whose table every layer projects once for a batch.

References
----------
.. [1] He et al. 2020, arXiv:2006.03654 (DeBERTa); He et al. 2021, arXiv:2111.09543 (DeBERTa V3: shared projections).
"""

from __future__ import annotations

from mfu_planner.architectures.bert import BERT_KINDS, bert_sizes, masked_head
from mfu_planner.architectures.config import Config
from mfu_planner.architectures.layers import Operators, Sizes, attention_of, post_norm, without_gradients
from mfu_planner.architectures.model import Architecture, Block, layer_numbers
from mfu_planner.architectures.parts import embedding, norm, plain_mlp, positions
from mfu_planner.architectures.task_heads import classifier, head_kind, head_linear, per_token_classifier
from mfu_planner.errors import InputError
from mfu_planner.operators import (
    ALL,
    TOKENS,
    Attention,
    Convolution,
    Elementwise,
    Lookup,
    MatMul,
    Operator,
    Role,
    Rows,
    Split,
    Stream,
)

_USUAL = "masked language model head"


def _first(c: Config, s: Sizes, width: int) -> Operators:
    """Tables of tokens, and of positions and types where the config has them; one norm."""
    types = c.size("type_vocab_size", default=0, least=0)
    first: Operators = (embedding(s.vocab, width),)
    if c.flag("position_biased_input", default=True):
        first += (positions(c.size("max_position_embeddings"), width),)
    if types:
        first += (
            Lookup(name="token_type_embedding", entries=types, width=width, role=Role.OTHER, split=Split.REPLICATED),
        )
    if width != s.hidden:
        first += (head_linear("embedding_proj", width, s.hidden, bias=False, rows=TOKENS),)
    return (*first, norm("embedding_norm", s.hidden, bias=True))


def _kinds_of_scores(c: Config) -> frozenset[str]:
    """``c2p`` and ``p2c``, as a list or joined by bars."""
    stated = c.raw("pos_att_type") or []
    listed = isinstance(stated, list | tuple) and all(isinstance(each, str) for each in stated)
    if not listed and not isinstance(stated, str):
        raise InputError(f"{c.origin}: pos_att_type", stated, "a list of names, or names with bars between")
    return frozenset(stated.lower().split("|") if isinstance(stated, str) else stated)


def _span(c: Config, *, newer: bool) -> tuple[int, Rows]:
    """Offsets to each side, and the rows of their table that a batch uses: in the first version those within reach."""
    span = c.size("max_relative_positions", default=-1, least=-1)
    span = span if span > 0 else c.size("max_position_embeddings")
    if newer:
        buckets = c.size("position_buckets", default=-1, least=-1)
        span = buckets if buckets > 0 else span
        return span, Rows(Stream.ONCE, 2 * span)
    return span, Rows(Stream.ONCE, 2, most=span)


def _relative(c: Config, s: Sizes, rows: Rows, *, newer: bool) -> Operators:
    """Projections of the table of positions, and queries and keys against them."""
    scores = _kinds_of_scores(c)
    shared = newer and c.flag("share_att_key", default=False)
    found: Operators = ()
    for kind, name, of in (("c2p", "pos_key_proj", "k_proj"), ("p2c", "pos_query_proj", "q_proj")):
        project = MatMul(
            name=name,
            inputs=s.hidden,
            outputs=s.heads * s.head_dim,
            role=Role.ATTENTION,
            split=Split.COLUMN,
            rows=rows,
            reads="positions",
            bias=not shared and (newer or kind == "p2c"),
            shared_with=of if shared else "",
        )
        against = Attention(
            name=f"{kind}_scores", heads=s.heads, kv_heads=s.heads, qk_dim=s.head_dim, v_dim=0, mask=ALL, keys=rows
        )
        if kind in scores:
            found += (project, against)
        elif shared:  # projected all the same, and left unused
            found += without_gradients((project,))
    return found


def _attention(s: Sizes, relative: Operators, *, newer: bool) -> Operators:
    """Self-attention with the scores of positions before its own."""
    *before, attention, out = attention_of(s, ALL, bias=newer, out_bias=True, fused=not newer, rotary=False)
    if not newer:  # biases on queries and values alone
        before.append(Elementwise(name="qv_bias", width=2 * s.hidden, weights=2 * s.hidden, role=Role.ATTENTION))
    return (*before, *relative, attention, out)


def _convolution(c: Config, s: Sizes) -> Operators:
    """A convolution over the embeddings, added behind the first layer."""
    kernel = c.size("conv_kernel_size", default=0, least=0)
    c.no_effect("conv_act", "conv_groups")
    if not kernel:
        return ()
    groups = c.size("conv_groups", default=1)
    return (
        Convolution(
            name="embedding_convolution",
            in_channels=s.hidden,
            out_channels=s.hidden,
            kernel=kernel,
            groups=groups,
            bias=True,
        ),
        norm("convolution_norm", s.hidden, bias=True),
    )


def _deberta(c: Config) -> Architecture:
    s, notes, newer = bert_sizes(c), list[str](), c.model_type == "deberta-v2"
    kind = head_kind(c, BERT_KINDS, _USUAL, notes)
    width = c.size("embedding_size", default=s.hidden)
    pooled = c.size("pooler_hidden_size", default=s.hidden)
    c.no_effect(
        "hidden_act",
        "pooler_hidden_act",
        "pooler_dropout",
        "cls_dropout",
        "position_buckets",
        "share_att_key",
        "max_relative_positions",
        "norm_rel_ebd",
        "pos_att_type",
        "attention_head_size",
        "talking_head",
    )
    first, relative = _first(c, s, width), tuple[Operator, ...]()
    once = Rows(Stream.ONCE, 0)
    if c.flag("relative_attention", default=False):
        span, rows = _span(c, newer=newer)
        once = Rows(Stream.ONCE, 2 * span)
        first += (
            Lookup(
                name="relative_positions",
                entries=2 * span,
                width=s.hidden,
                role=Role.POSITION,
                split=Split.REPLICATED,
                rows=once,
            ),
        )
        relative = _relative(c, s, rows, newer=newer)
    if newer and "layer_norm" in c.text("norm_rel_ebd", default="none").lower():  # built without a table, too
        first += (norm("relative_norm", s.hidden, bias=True, rows=once),)
    layer = post_norm(s, _attention(s, relative, newer=newer), plain_mlp(s.hidden, s.ffn), bias=True)
    pooler = (head_linear("pooler", pooled, pooled),)
    heads: dict[str, Operators] = {
        "no head": (),
        "multiple choice": (*pooler, head_linear("classifier", pooled, 1)),
        "sequence classifier": (*pooler, *classifier(c, pooled)),
        "token classifier": per_token_classifier(c, s.hidden),
        "span classifier": per_token_classifier(c, s.hidden),
    }
    legacy = c.flag("legacy", default=True)
    output = heads[kind] if kind in heads else masked_head(c, s, width=width if legacy else s.hidden, always=not legacy)
    return Architecture(
        name=c.model_type,
        hidden=s.hidden,
        vocab=s.vocab,
        blocks=(
            Block("embedding", first, stack="encoder"),
            *((Block("convolution", conv, stack="encoder"),) if (conv := _convolution(c, s) if newer else ()) else ()),
            Block("layer", layer, layer_numbers(s.layers), stack="encoder"),
            Block("output", output, stack="encoder"),
        ),
        notes=tuple(notes),
    )


IMPORTERS = {"deberta": _deberta, "deberta-v2": _deberta}
