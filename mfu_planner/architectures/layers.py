"""Layers of a transformer: attention over a stack's sizes, and the way norms and branches are joined."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mfu_planner.architectures.parts import norm, residual, self_attention
from mfu_planner.operators import ALL, CAUSAL, TOKENS, Attention, Mask, MatMul, Norm, Operator, Role, Rows, Split

Operators = tuple[Operator, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The dimensions of a stack of layers."""

    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    vocab: int
    layers: int


def attention_of(
    s: Sizes,
    mask: Mask = CAUSAL,
    *,
    bias: bool = False,
    out_bias: bool | None = None,
    fused: bool = False,
    qk_norm: Operators = (),
    rotary: bool = True,
    k_bias: bool | None = None,
    rows: Rows = TOKENS,
    unit_pairs: int = 0,
) -> Operators:
    """Self-attention of a stack's sizes; the output projection has the bias of the others unless said otherwise."""
    return self_attention(
        hidden=s.hidden,
        heads=s.heads,
        kv_heads=s.kv_heads,
        head_dim=s.head_dim,
        mask=mask,
        qkv_bias=bias,
        out_bias=bias if out_bias is None else out_bias,
        fused=fused,
        qk_norm=qk_norm,
        rotary=rotary,
        k_bias=k_bias,
        rows=rows,
        unit_pairs=unit_pairs,
    )


def head_norms(s: Sizes) -> Operators:
    """A norm on each head of queries and keys, one weight vector for all heads."""
    return (
        Norm(name="q_norm", width=s.head_dim, vectors=s.heads, split=Split.HEADS),
        Norm(name="k_norm", width=s.head_dim, vectors=s.kv_heads, split=Split.HEADS),
    )


def whole_norms(s: Sizes) -> Operators:
    """A norm over all heads of the queries at once, and one over the keys."""
    return (
        Norm(name="q_norm", width=s.heads * s.head_dim, split=Split.REPLICATED),
        Norm(name="k_norm", width=s.kv_heads * s.head_dim, split=Split.REPLICATED),
    )


def cross_attention(
    s: Sizes, rows: Rows, keys: Rows, *, bias: bool = False, k_bias: bool | None = None, qk_norm: Operators = ()
) -> Operators:
    """Queries from one stack, keys and values from another (a decoder that looks at its encoder)."""
    width = s.heads * s.head_dim

    def project(name: str, at: Rows, has_bias: bool, reads: str) -> MatMul:
        return MatMul(
            name=f"cross_{name}",
            inputs=s.hidden,
            outputs=s.kv_heads * s.head_dim if reads else width,
            bias=has_bias,
            role=Role.ATTENTION,
            split=Split.COLUMN,
            rows=at,
            reads=reads,
        )

    return (
        project("q_proj", rows, bias, ""),
        project("k_proj", keys, bias if k_bias is None else k_bias, "encoder_output"),
        project("v_proj", keys, bias, "encoder_output"),
        *qk_norm,
        Attention(
            name="cross_attention",
            heads=s.heads,
            kv_heads=s.kv_heads,
            qk_dim=s.head_dim,
            v_dim=s.head_dim,
            mask=ALL,
            rows=rows,
            keys=keys,
        ),
        MatMul(
            name="cross_o_proj",
            inputs=width,
            outputs=s.hidden,
            bias=bias,
            role=Role.ATTENTION,
            split=Split.ROW,
            rows=rows,
        ),
    )


def pre_norm(
    s: Sizes,
    attention: Operators,
    mlp: Operators,
    *,
    bias: bool = False,
    weight: bool = True,
    after: bool = False,
    rows: Rows = TOKENS,
) -> Operators:
    """Norm, branch, sum, twice; ``after``: a norm behind each branch as well (Gemma 2, GLM-4)."""

    def the_norm(name: str) -> Norm:
        return norm(name, s.hidden, bias=bias, weight=weight, rows=rows)

    return (
        the_norm("input_norm"),
        *attention,
        *((the_norm("after_attention_norm"),) if after else ()),
        residual("attention_residual", s.hidden, rows=rows),
        the_norm("post_attention_norm"),
        *mlp,
        *((the_norm("after_mlp_norm"),) if after else ()),
        residual("mlp_residual", s.hidden, rows=rows),
    )


def post_norm(s: Sizes, attention: Operators, mlp: Operators, *, bias: bool = False, rows: Rows = TOKENS) -> Operators:
    """Branch, norm, sum, twice: norms only behind the branches (OLMo 2), or behind the sums (OPT-350m, BERT)."""
    return (
        *attention,
        norm("after_attention_norm", s.hidden, bias=bias, rows=rows),
        residual("attention_residual", s.hidden, rows=rows),
        *mlp,
        norm("after_mlp_norm", s.hidden, bias=bias, rows=rows),
        residual("mlp_residual", s.hidden, rows=rows),
    )


def parallel(s: Sizes, attention: Operators, mlp: Operators, *, bias: bool, norms: int = 1) -> Operators:
    """Attention and MLP side by side, from one norm or from one each, summed at once."""
    one = norm("input_norm", s.hidden, bias=bias)
    if norms == 1:
        shared = tuple(replace(op, reads="attention_input") if op.reads == "mlp_input" else op for op in mlp)
        return (one, *attention, *shared, residual("residual", s.hidden))
    other = replace(
        norm("mlp_norm", s.hidden, bias=bias), reads="mlp_input"
    )  # what is trained in attention is not below
    return (one, other, *attention, *beside(mlp), residual("residual", s.hidden))


def beside(mlp: Operators) -> Operators:
    """The MLP with a name for its input, which is not what attention has made."""
    return tuple(replace(op, reads="mlp_input") if op.name == "up_proj" else op for op in mlp)


def without_gradients(operators: Operators) -> Operators:
    """The same operators where nothing that is trained depends on them: their backward pass is not run."""
    return tuple(replace(op, trainable=False, input_grad=False) for op in operators)
