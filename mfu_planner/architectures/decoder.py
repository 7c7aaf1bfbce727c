"""The frame of a decoder: what its config must say, layers of several kinds, embedding before and head after them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.model import Architecture, Block
from mfu_planner.architectures.parts import embedding, head, norm, residual
from mfu_planner.errors import InputError, nearest
from mfu_planner.operators import MatMul, Norm, Operator, Role, Split

LEGACY_KINDS = {"attention": "full_attention", "mamba": "linear_attention"}
"""Older names of layer kinds and what they are called now."""


class Heads(NamedTuple):
    """Attention heads of a config."""

    heads: int
    kv_heads: int
    head_dim: int


def attention_heads(c: Config, hidden: int, *, head_dim: bool = True) -> Heads:
    """Query heads, key-value heads and their size; the size is hidden ÷ heads where the config has no ``head_dim``."""
    heads = c.size("num_attention_heads")
    kv_heads = c.size("num_key_value_heads", default=heads)
    c.divides("num_attention_heads / num_key_value_heads", heads, kv_heads)
    stated = head_dim and optional_size(c, "head_dim")
    divided = stated or c.divides("hidden_size / num_attention_heads", hidden, heads, letter="h")
    return Heads(heads, kv_heads, divided)


def optional_size(c: Config, name: str, *, needed: bool = False) -> int | None:
    """A size for which null means "none": null in the config is not replaced by the default.

    ``needed``: a field that is absent and has no default is an error.
    """
    if name in c.data and c.data[name] is None:
        c.no_effect(name)
        return None
    stated = c.has(name) or c.defaults.get(name) is not None or (needed and name not in c.defaults)
    return c.size(name) if stated else None


def index_list(c: Config, name: str) -> frozenset[int] | None:
    """A list of layer numbers, or None where the field is absent."""
    value = c.raw(name, c.defaults.get(name))
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(n, int) for n in value):
        raise InputError(f"{c.origin}: {name}", value, "a list of layer numbers")
    return frozenset(value)


def listed_kinds(
    c: Config, *names: str, layers: int | None, known: Sequence[str], legacy: Mapping[str, str] = LEGACY_KINDS
) -> list[str] | None:
    """The kind of each layer as the config lists it under the first of ``names`` present, or None.

    Raises
    ------
    InputError
        A kind that the model type does not have, or a list of another length than ``layers``.
    """
    present = [name for name in names if c.has(name)]
    if not present:
        return None
    name = present[0]
    value = c.raw(name)
    if not isinstance(value, list) or not value or not all(isinstance(kind, str) for kind in value):
        raise InputError(f"{c.origin}: {name}", value, "a list with the kind of each layer")
    kinds = [kind if kind in known else legacy.get(kind, kind) for kind in value]
    for kind in kinds:
        if kind not in known:
            raise InputError(f"{c.origin}: {name}", kind, f"one of {', '.join(known)}", nearest(kind, known))
    if layers is not None and len(kinds) != layers:
        raise InputError(f"{c.origin}: {name}", f"{len(kinds)} layers", f"num_hidden_layers = {layers} kinds")
    return kinds


def pre_norm_layer(
    hidden: int, mixer: tuple[Operator, ...], mlp: tuple[Operator, ...], *, norm_bias: bool = False
) -> tuple[Operator, ...]:
    """A mixer and an MLP, each behind a norm and added to the residual stream."""
    return (
        norm("input_norm", hidden, bias=norm_bias),
        *mixer,
        residual("attention_residual", hidden),
        norm("post_attention_norm", hidden, bias=norm_bias),
        *mlp,
        residual("mlp_residual", hidden),
    )


def head_norms(heads: Heads) -> tuple[Operator, ...]:
    """RMS norms over each query and key head, one weight vector for all query heads and one for all key heads."""
    return (
        Norm(name="q_norm", width=heads.head_dim, vectors=heads.heads, split=Split.HEADS),
        Norm(name="k_norm", width=heads.head_dim, vectors=heads.kv_heads, split=Split.HEADS),
    )


def layer_blocks(kinds: Sequence[str], operators: Mapping[str, tuple[Operator, ...]]) -> tuple[Block, ...]:
    """One block for each kind of layer, in the order of first appearance, with its layer numbers."""
    return tuple(
        Block(kind, operators[kind], tuple(n for n, other in enumerate(kinds) if other == kind))
        for kind in dict.fromkeys(kinds)
    )


def causal_decoder(
    c: Config,
    hidden: int,
    layers: tuple[Block, ...],
    *,
    final_norm: Norm | None = None,
    head_bias: bool = False,
    tied_default: bool = False,
    tied: bool | None = None,
    prediction: tuple[Block, ...] = (),
    after_embedding: tuple[Operator, ...] = (),
    before_norm: tuple[Operator, ...] = (),
) -> Architecture:
    """Embedding, layers, final norm and the head, tied as the config says unless ``tied`` is given."""
    vocab = c.size("vocab_size")
    if tied is None:
        tied = c.flag("tie_word_embeddings", default=tied_default)
    return Architecture(
        name=c.model_type,
        hidden=hidden,
        vocab=vocab,
        blocks=(
            Block("embedding", (embedding(vocab, hidden), *after_embedding)),
            *layers,
            Block(
                "output",
                (
                    *before_norm,
                    final_norm or norm("final_norm", hidden),
                    *head(hidden, vocab, tied=tied, bias=head_bias),
                ),
            ),
        ),
        prediction=prediction,
    )


def prediction_module(hidden: int, layer: tuple[Operator, ...], vocab: int) -> tuple[Operator, ...]:
    """One depth of multi-token prediction [1]_: merge with the next token's embedding, one layer, the shared head.

    References
    ----------
    .. [1] DeepSeek-AI 2024, arXiv:2412.19437, section 2.2.
    """
    return (
        norm("embedding_norm", hidden),
        norm("hidden_norm", hidden),
        MatMul(name="merge_proj", inputs=2 * hidden, outputs=hidden, split=Split.REPLICATED, role=Role.OTHER),
        *layer,
        norm("final_norm", hidden),
        MatMul(name="lm_head", inputs=hidden, outputs=vocab, role=Role.HEAD, split=Split.COLUMN, shared_with="lm_head"),
    )
