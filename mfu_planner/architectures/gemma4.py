"""Gemma 3n and 4 (text): keys and values shared by the last layers, an input for each layer, experts beside an MLP.

References
----------
.. [1] Google DeepMind 2026, https://ai.google.dev/gemma/docs/core (Gemma 4).
.. [2] Google 2025, https://ai.google.dev/gemma/docs/gemma-3n (Gemma 3n: MatFormer widths, AltUp, LAuReL).
.. [3] Baykal et al. 2023, arXiv:2301.13310 (AltUp); Menghani et al. 2024, arXiv:2411.07501 (LAuReL).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import Heads, causal_decoder, layer_blocks, listed_kinds, optional_size
from mfu_planner.architectures.experts import ExpertSizes, moe
from mfu_planner.architectures.model import Architecture
from mfu_planner.architectures.parts import gated_mlp, norm, residual
from mfu_planner.errors import InputError
from mfu_planner.numeric.letters import plain
from mfu_planner.operators import (
    CAUSAL,
    Attention,
    Elementwise,
    Lookup,
    Mask,
    MatMul,
    Norm,
    Operator,
    Role,
    Split,
    StreamMixing,
    window,
)

Operators = tuple[Operator, ...]
_KINDS = ("sliding_attention", "full_attention")
_GLOBAL_HEAD = 512
"""Size of a head of Gemma 4's global layers, where the config leaves it out."""


def _product(name: str, inputs: int, outputs: int, split: Split, *, bias: bool = False, reads: str = "") -> MatMul:
    return MatMul(name=name, inputs=inputs, outputs=outputs, bias=bias, role=Role.ATTENTION, split=split, reads=reads)


def shared_attention(hidden: int, h: Heads, mask: Mask, *, bias: bool, reuse: bool, one: bool) -> Operators:
    """Attention with norms on queries, keys and values; ``reuse``: keys and values are those of an earlier layer.

    ``one``: keys and values come from one projection.
    """

    def read(name: str, heads: int) -> MatMul:
        return _product(name, hidden, heads * h.head_dim, Split.COLUMN, bias=bias, reads="attention_input")

    def normed(name: str, vectors: int, *, weight: bool = True) -> Norm:
        return Norm(name=name, width=h.head_dim, vectors=vectors, weight=weight, split=Split.HEADS)

    keys: Operators = ()
    if not reuse:
        keys = (
            read("k_proj", h.kv_heads),
            *(() if one else (read("v_proj", h.kv_heads),)),
            normed("k_norm", h.kv_heads),
            normed("v_norm", h.kv_heads, weight=False),
        )
    return (
        read("q_proj", h.heads),
        normed("q_norm", h.heads),
        *keys,
        Elementwise(name="rotary", width=(h.heads + h.kv_heads) * h.head_dim, split=Split.HEADS),
        Attention(name="attention", heads=h.heads, kv_heads=h.kv_heads, qk_dim=h.head_dim, v_dim=h.head_dim, mask=mask),
        _product("o_proj", h.heads * h.head_dim, hidden, Split.ROW, bias=bias),
    )


def layer_inputs(c: Config, hidden: int, width: int, layers: int) -> Operators:
    """A second table with a vector for each layer, and a projection of the embedding to the same size."""
    return (
        Lookup(
            name="embed_tokens_per_layer",
            entries=c.size("vocab_size_per_layer_input"),
            width=layers * width,
            split=Split.COLUMN,
        ),
        MatMul(name="per_layer_model_projection", inputs=hidden, outputs=layers * width, split=Split.REPLICATED),
        Norm(name="per_layer_projection_norm", width=width, vectors=layers),
    )


def layer_input(hidden: int, width: int) -> Operators:
    """The layer's own input vector, gated by the residual stream and added to it."""
    return (
        MatMul(name="per_layer_input_gate", inputs=hidden, outputs=width, split=Split.REPLICATED),
        Elementwise(name="per_layer_activation", width=width, read=2, kept=2),
        MatMul(name="per_layer_projection", inputs=width, outputs=hidden, split=Split.REPLICATED),
        norm("post_per_layer_input_norm", hidden),
        residual("per_layer_residual", hidden),
    )


def _masks(c: Config) -> dict[str, Mask]:
    if c.raw("use_bidirectional_attention") == "all":
        raise InputError(f"{c.origin}: use_bidirectional_attention", "all", "a decoder with a causal mask")
    c.no_effect(
        "hidden_activation",
        "hidden_act",
        "final_logit_softcapping",
        "use_bidirectional_attention",
        "partial_rotary_factor",
    )
    return {"sliding_attention": window(c.size("sliding_window")), "full_attention": CAUSAL}


def _reused(c: Config, layers: int) -> int:
    """The first layer whose keys and values are those of an earlier one."""
    shared = c.size("num_kv_shared_layers", default=0, least=0)
    if shared >= layers:
        raise InputError(f"{c.origin}: num_kv_shared_layers", shared, f"fewer than the {layers} layers")
    return layers - shared


def gemma4_text(c: Config) -> Architecture:
    """The text decoder of Gemma 4: two sizes of heads, one pair of norms around each branch, or two with experts."""
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    heads, bias = c.size("num_attention_heads"), c.flag("attention_bias", default=False)
    one = c.flag("attention_k_eq_v", default=False)
    kv_heads, global_kv = c.size("num_key_value_heads"), optional_size(c, "num_global_key_value_heads")
    sizes = {
        "sliding_attention": Heads(heads, kv_heads, c.size("head_dim")),
        "full_attention": Heads(
            heads, (global_kv or kv_heads) if one else kv_heads, c.size("global_head_dim", default=_GLOBAL_HEAD)
        ),
    }
    kinds = listed_kinds(c, "layer_types", layers=layers, known=_KINDS) or [
        _KINDS[(n + 1) % 6 == 0] for n in range(layers)
    ]
    kinds[-1] = "full_attention"
    masks, first = _masks(c), _reused(c, layers)
    ffn, double = c.size("intermediate_size"), c.flag("use_double_wide_mlp", default=False)
    own = c.size("hidden_size_per_layer_input", default=0, least=0)
    experts = _experts(c, hidden)

    def layer(kind: str, reuse: bool) -> Operators:
        alone = one and kind == "full_attention"
        attention = shared_attention(hidden, sizes[kind], masks[kind], bias=bias, reuse=reuse, one=alone)
        mlp = gated_mlp(hidden, ffn * 2 if double and reuse else ffn)
        return (
            norm("input_norm", hidden),
            *attention,
            norm("after_attention_norm", hidden),
            residual("attention_residual", hidden),
            norm("post_attention_norm", hidden),
            *mlp,
            *experts,
            norm("after_mlp_norm", hidden),
            residual("mlp_residual", hidden),
            *(layer_input(hidden, own) if own else ()),
        )

    names = [
        f"{kind.removesuffix('_attention')} layer{' (reused keys)' * (n >= first)}" for n, kind in enumerate(kinds)
    ]
    operators = {name: layer(kinds[n], n >= first) for n, name in enumerate(names)}
    built = causal_decoder(
        c,
        hidden,
        layer_blocks(names, operators),
        tied_default=True,
        after_embedding=layer_inputs(c, hidden, own, layers) if own else (),
    )
    if not own:
        c.no_effect("vocab_size_per_layer_input")
    return built


def _experts(c: Config, hidden: int) -> Operators:
    """Experts that read the residual stream beside the dense MLP, between norms of their own."""
    names = ("num_experts", "top_k_experts", "moe_intermediate_size")
    if not c.flag("enable_moe_block", default=False):
        c.no_effect(*names)
        return ()
    total, active, ffn = (c.size(name) for name in names)
    if active > total:
        raise InputError(f"{c.origin}: top_k_experts", active, f"at most num_experts = {total}")
    return (
        norm("after_dense_mlp_norm", hidden),
        Norm(name="router_norm", width=hidden, weight=False),
        Elementwise(name="router_scale", width=hidden, weights=hidden + total, role=Role.ROUTER),
        norm("experts_norm", hidden),
        *moe(hidden, ExpertSizes(total, active, ffn)),
        norm("after_experts_norm", hidden),
        residual("experts_residual", hidden),
    )


def gemma3n_text(c: Config) -> Architecture:
    """The text decoder of Gemma 3n: streams of which a layer works on one (AltUp), a low-rank shortcut (LAuReL)."""
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    h = Heads(c.size("num_attention_heads"), c.size("num_key_value_heads"), c.size("head_dim"))
    bias, streams, rank = c.flag("attention_bias", default=False), c.size("altup_num_inputs"), c.size("laurel_rank")
    kinds = listed_kinds(c, "layer_types", layers=layers, known=_KINDS) or [
        _KINDS[(n + 1) % 5 == 0] for n in range(layers)
    ]
    masks, first, own = _masks(c), _reused(c, layers), c.size("hidden_size_per_layer_input")
    widths = c.raw("intermediate_size")
    if not isinstance(widths, list):
        widths = [c.size("intermediate_size")] * layers
    if len(widths) != layers or not all(type(plain(w)) is int and w > 0 for w in widths):
        raise InputError(f"{c.origin}: intermediate_size", widths, f"a width, or a list of {layers}")
    c.no_effect(
        "altup_active_idx",
        "altup_coef_clip",
        "altup_correct_scale",
        "activation_sparsity_pattern",
        "altup_lr_multiplier",
    )

    def layer(kind: str, reuse: bool, ffn: int) -> Operators:
        return (
            *_predict(hidden, streams),
            norm("input_norm", hidden),
            MatMul(name="laurel_left", inputs=hidden, outputs=rank, split=Split.REPLICATED, reads="attention_input"),
            MatMul(name="laurel_right", inputs=rank, outputs=hidden, split=Split.REPLICATED),
            norm("post_laurel_norm", hidden),
            *shared_attention(hidden, h, masks[kind], bias=bias, reuse=reuse, one=False),
            norm("after_attention_norm", hidden),
            residual("attention_residual", hidden),
            norm("post_attention_norm", hidden),
            *gated_mlp(hidden, ffn),
            norm("after_mlp_norm", hidden),
            residual("mlp_residual", hidden),
            *_correct(hidden, streams),
            *layer_input(hidden, own),
        )

    shapes = [(kind, n >= first, ffn) for n, (kind, ffn) in enumerate(zip(kinds, widths, strict=True))]
    names = [f"{k.removesuffix('_attention')} layer of {w}{' (reused keys)' * r}" for k, r, w in shapes]
    operators = {name: layer(*shape) for name, shape in zip(names, shapes, strict=True)}
    return causal_decoder(
        c,
        hidden,
        layer_blocks(names, operators),
        tied_default=True,
        after_embedding=(*layer_inputs(c, hidden, own, layers), *_streams(hidden, streams, "altup_proj")),
        before_norm=_streams(hidden, streams, "altup_unembed_proj"),
    )


def _streams(hidden: int, streams: int, name: str) -> Operators:
    """A projection for each stream but the first."""
    return tuple(
        MatMul(name=f"{name}_{n}", inputs=hidden, outputs=hidden, split=Split.REPLICATED) for n in range(1, streams)
    )


def _router(hidden: int, streams: int, shared_with: str) -> Operators:
    name = "altup_router_again" if shared_with else "altup_router"
    return (
        Norm(name=f"{name}_norm", width=hidden, shared_with=f"{shared_with}_norm" if shared_with else ""),
        MatMul(name=name, inputs=hidden, outputs=streams, split=Split.REPLICATED, shared_with=shared_with),
    )


def _predict(hidden: int, streams: int) -> Operators:
    return (
        *_router(hidden, streams, ""),
        MatMul(name="altup_prediction", inputs=streams, outputs=streams * streams, split=Split.REPLICATED),
        StreamMixing(name="altup_mixing", streams=streams, width=hidden),
    )


def _correct(hidden: int, streams: int) -> Operators:
    return (
        *_router(hidden, streams, "altup_router"),
        MatMul(name="altup_correction", inputs=streams, outputs=streams, split=Split.REPLICATED),
        Elementwise(name="altup_correct", width=streams * hidden, read=2, weights=hidden),
    )


IMPORTERS = {"gemma4_text": gemma4_text, "gemma4_unified_text": gemma4_text, "gemma3n_text": gemma3n_text}
