"""Pieces that many architectures share: attention, MLPs, embeddings and the head, as lists of operators."""

from __future__ import annotations

from mfu_planner.operators import (
    TOKENS,
    Attention,
    Elementwise,
    Lookup,
    Mask,
    MatMul,
    Norm,
    Operator,
    Role,
    Rows,
    Split,
)


def norm(name: str, width: int, *, bias: bool = False, weight: bool = True, rows: Rows = TOKENS) -> Norm:
    """A norm over the hidden width; layer norms have a bias, RMS norms none, a few have no weight either."""
    return Norm(name=name, width=width, bias=bias, weight=weight, rows=rows)


def residual(name: str, width: int, *, rows: Rows = TOKENS) -> Elementwise:
    """Adding a branch to the residual stream."""
    return Elementwise(name=name, width=width, read=2, written=1, rows=rows)


def self_attention(
    *,
    hidden: int,
    heads: int,
    kv_heads: int,
    head_dim: int,
    mask: Mask,
    qkv_bias: bool = False,
    out_bias: bool = False,
    fused: bool = False,
    qk_norm: tuple[Operator, ...] = (),
    rotary: bool = True,
    rows: Rows = TOKENS,
    reads: str = "attention_input",
    k_bias: bool | None = None,
    unit_pairs: int = 0,
) -> tuple[Operator, ...]:
    """Projections, attention over (grouped) heads, output projection.

    ``fused``: one product makes queries, keys and values.  ``k_bias``: the keys' bias, where it is not that of queries
    and values.  ``unit_pairs``: see :class:`~mfu_planner.operators.Attention`.
    """
    q_width, kv_width = heads * head_dim, kv_heads * head_dim

    def project(name: str, outputs: int, bias: bool = qkv_bias) -> MatMul:
        return MatMul(
            name=name,
            inputs=hidden,
            outputs=outputs,
            bias=bias,
            role=Role.ATTENTION,
            split=Split.COLUMN,
            rows=rows,
            reads=reads,
        )

    projections = (
        (project("qkv_proj", q_width + 2 * kv_width),)
        if fused
        else (
            project("q_proj", q_width),
            project("k_proj", kv_width, qkv_bias if k_bias is None else k_bias),
            project("v_proj", kv_width),
        )
    )
    turn = (Elementwise(name="rotary", width=q_width + kv_width, split=Split.HEADS, rows=rows),) if rotary else ()
    return (
        *projections,
        *qk_norm,
        *turn,
        Attention(
            name="attention",
            heads=heads,
            kv_heads=kv_heads,
            qk_dim=head_dim,
            v_dim=head_dim,
            mask=mask,
            rows=rows,
            keys=rows,
            unit_pairs=unit_pairs,
        ),
        MatMul(
            name="o_proj",
            inputs=q_width,
            outputs=hidden,
            bias=out_bias,
            role=Role.ATTENTION,
            split=Split.ROW,
            rows=rows,
        ),
    )


def gated_mlp(
    hidden: int,
    ffn: int,
    *,
    bias: bool = False,
    role: Role = Role.MLP,
    prefix: str = "",
    rows: Rows = TOKENS,
    fused: bool = False,
) -> tuple[Operator, ...]:
    """Two products up (one of them the gate), a product of both, one product down (SwiGLU, GeGLU).

    ``fused``: one product makes gate and up.
    """

    def up(name: str, outputs: int = ffn) -> MatMul:
        return MatMul(
            name=f"{prefix}{name}",
            inputs=hidden,
            outputs=outputs,
            bias=bias,
            role=role,
            split=Split.COLUMN,
            rows=rows,
            reads=f"{prefix}mlp_input",
        )

    return (
        *((up("gate_up_proj", 2 * ffn),) if fused else (up("gate_proj"), up("up_proj"))),
        Elementwise(name=f"{prefix}activation", width=ffn, read=2, kept=2, split=Split.COLUMN, rows=rows, role=role),
        MatMul(name=f"{prefix}down_proj", inputs=ffn, outputs=hidden, bias=bias, role=role, split=Split.ROW, rows=rows),
    )


def plain_mlp(
    hidden: int, ffn: int, *, bias: bool = True, role: Role = Role.MLP, prefix: str = "", rows: Rows = TOKENS
) -> tuple[Operator, ...]:
    """One product up, an activation, one product down (GELU, ReLU, squared ReLU)."""
    return (
        MatMul(
            name=f"{prefix}up_proj",
            inputs=hidden,
            outputs=ffn,
            bias=bias,
            role=role,
            split=Split.COLUMN,
            rows=rows,
            reads=f"{prefix}mlp_input",
        ),
        Elementwise(name=f"{prefix}activation", width=ffn, kept=1, split=Split.COLUMN, rows=rows, role=role),
        MatMul(name=f"{prefix}down_proj", inputs=ffn, outputs=hidden, bias=bias, role=role, split=Split.ROW, rows=rows),
    )


def embedding(vocab: int, width: int, *, rows: Rows = TOKENS) -> Lookup:
    """The token table."""
    return Lookup(name="embed_tokens", entries=vocab, width=width, split=Split.COLUMN, rows=rows)


LEARNED_POSITIONS = "position_embedding"
"""The name of a table with a vector for each position of a text."""


def positions(entries: int, width: int, *, rows: Rows = TOKENS, name: str = LEARNED_POSITIONS) -> Lookup:
    """A learned position table."""
    return Lookup(name=name, entries=entries, width=width, role=Role.POSITION, split=Split.REPLICATED, rows=rows)


def head(hidden: int, vocab: int, *, tied: bool, bias: bool = False, rows: Rows = TOKENS) -> tuple[Operator, ...]:
    """The output projection over the vocabulary and the loss; a tied head owns no weights."""
    return (
        MatMul(
            name="lm_head",
            inputs=hidden,
            outputs=vocab,
            bias=bias,
            role=Role.HEAD,
            split=Split.COLUMN,
            rows=rows,
            shared_with="embed_tokens" if tied else "",
        ),
        Elementwise(name="loss", width=vocab, read=2, written=1, kept=1, split=Split.COLUMN, rows=rows, role=Role.HEAD),
    )
