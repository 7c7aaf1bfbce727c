"""More mixtures of 2025 and 2026, from the pieces of :mod:`~mfu_planner.architectures.sparse_decoders`.

References
----------
.. [1] Upstage 2026, https://huggingface.co/upstage (Solar Open); JetBrains, https://huggingface.co/JetBrains (Mellum).
.. [2] Aleph Alpha, https://huggingface.co/Aleph-Alpha (Kolibri); SK Telecom, https://huggingface.co/skt (A.X K1).
.. [3] Arcee AI 2025, https://huggingface.co/arcee-ai (Trinity: ``afmoe``); IBM, https://huggingface.co/ibm-granite.
"""

from __future__ import annotations

from collections.abc import Callable

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.cousins import GRANITE_FACTORS, sinks
from mfu_planner.architectures.decoder import Heads, attention_heads, optional_size
from mfu_planner.architectures.deepseek import dense_then_sparse, latent_attention
from mfu_planner.architectures.experts import expert_sizes, moe, reading, shared_expert
from mfu_planner.architectures.model import Architecture
from mfu_planner.architectures.parts import norm, residual, self_attention
from mfu_planner.architectures.sparse_decoders import (
    gated_feed_forwards,
    gated_output,
    grouped,
    mask_kinds,
    masks_of,
    sparse_decoder,
)
from mfu_planner.errors import InputError
from mfu_planner.operators import CAUSAL, Mask, Operator

Operators = tuple[Operator, ...]


def _with_bias(hidden: int, h: Heads, mask: Mask, *, bias: bool, out_bias: bool) -> Operators:
    return self_attention(hidden=hidden, **h._asdict(), mask=mask, qkv_bias=bias, out_bias=out_bias)


def _own_head_dim(c: Config) -> None:
    """A ``head_dim`` that is left out has the type's default, not hidden ÷ heads."""
    if c.data.get("head_dim") is None and c.defaults.get("head_dim") is not None:
        c.data = {**c.data, "head_dim": c.size("head_dim")}


def _solar_open(c: Config) -> Architecture:
    _own_head_dim(c)
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    bias = c.flag("attention_bias", default=False)
    c.no_effect("hidden_act", "first_k_dense_replace", "use_qk_norm", "partial_rotary_factor")
    mixer = {"": _with_bias(hidden, attention_heads(c, hidden), CAUSAL, bias=bias, out_bias=False)}
    kinds, shared = ["sparse"] * layers, c.size("n_shared_experts", default=1, least=0)
    mlps = gated_feed_forwards(c, hidden, kinds, shared_ffn=lambda ffn: shared * ffn)
    return sparse_decoder(c, hidden, mixer, [""] * layers, mlps, kinds)


def _mellum(c: Config) -> Architecture:
    _own_head_dim(c)
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    h, bias = attention_heads(c, hidden), c.flag("attention_bias", default=False)
    c.no_effect("hidden_act", "mtp_layer_types", "mtp_mlp_layer_types")
    masks, kinds = mask_kinds(c, layers, lambda _: False), dense_then_sparse(c, layers)
    mixers = {kind: grouped(hidden, h, mask, bias=bias) for kind, mask in masks_of(c, masks).items()}
    return sparse_decoder(c, hidden, mixers, masks, gated_feed_forwards(c, hidden, kinds), kinds)


def _normed_twice(hidden: int) -> Callable[[Operators, Operators], Operators]:
    """A norm before each branch and one behind it."""

    def join(attention: Operators, mlp: Operators) -> Operators:
        return (
            norm("input_norm", hidden),
            *attention,
            norm("after_attention_norm", hidden),
            residual("attention_residual", hidden),
            norm("post_attention_norm", hidden),
            *mlp,
            norm("after_mlp_norm", hidden),
            residual("mlp_residual", hidden),
        )

    return join


def _kolibri(c: Config) -> Architecture:
    _own_head_dim(c)
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    h, shared = attention_heads(c, hidden), c.size("shared_expert_intermediate_size")
    c.no_effect("hidden_act", "intermediate_size")
    masks, kinds = mask_kinds(c, layers, lambda n: (n + 1) % 5 != 0), ["sparse"] * layers
    mixers = {kind: grouped(hidden, h, mask) for kind, mask in masks_of(c, masks).items()}
    mlps = gated_feed_forwards(c, hidden, kinds, shared_ffn=lambda _: shared)
    return sparse_decoder(c, hidden, mixers, masks, mlps, kinds, join=_normed_twice(hidden))


def _flint(c: Config) -> Architecture:
    _own_head_dim(c)
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    h, bias = attention_heads(c, hidden), c.flag("attention_bias", default=False)
    c.no_effect("hidden_act")
    masks = mask_kinds(c, layers, lambda n: n >= 2 and n % 4 != 1 and n != layers - 1)
    dense, step = c.raw("mlp_only_layers", [0, 1]), c.size("decoder_sparse_step", default=1)
    if not isinstance(dense, list) or not all(type(n) is int for n in dense):
        raise InputError(f"{c.origin}: mlp_only_layers", dense, "a list of layer numbers")
    kinds = ["dense" if n in dense or (n + 1) % step else "sparse" for n in range(layers)]
    shared = c.size("shared_expert_intermediate_size")
    mlps = gated_feed_forwards(c, hidden, kinds, shared_ffn=lambda _: shared)
    mixers = {
        kind: (*sinks(h.heads), *grouped(hidden, h, mask, bias=bias)) for kind, mask in masks_of(c, masks).items()
    }
    return sparse_decoder(c, hidden, mixers, masks, mlps, kinds)


def _afmoe(c: Config) -> Architecture:
    _own_head_dim(c)
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    h, every = attention_heads(c, hidden), c.size("global_attn_every_n_layers", default=4)
    c.no_effect("hidden_act", "mup_enabled", "route_scale", "score_func", "load_balance_coeff", "route_norm")
    masks, dense = mask_kinds(c, layers, lambda n: (n + 1) % every != 0), c.size("num_dense_layers", default=1, least=0)
    kinds = ["dense" if n < dense else "sparse" for n in range(layers)]
    shared = c.size("num_shared_experts", default=1, least=0)
    mlps = gated_feed_forwards(c, hidden, kinds, shared_ffn=lambda ffn: shared * ffn, correction=True)
    bias = c.flag("attention_bias", default=False)
    mixers = {
        kind: gated_output(hidden, grouped(hidden, h, mask, bias=bias), h.heads, h.head_dim, by_head=False)
        for kind, mask in masks_of(c, masks).items()
    }
    return sparse_decoder(c, hidden, mixers, masks, mlps, kinds, join=_normed_twice(hidden))


def _granitemoe(c: Config) -> Architecture:
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    h, bias = attention_heads(c, hidden), c.flag("attention_bias", default=False)
    c.no_effect("hidden_act", "layer_rope_theta", *GRANITE_FACTORS)
    always = shared_expert(hidden, c.size("shared_intermediate_size", default=0, least=0))
    mixture = moe(hidden, expert_sizes(c, c.size("intermediate_size")), shared=reading("mlp_input", always))
    windowed = c.model_type == "granitemoe_swa"
    masks = mask_kinds(c, layers, lambda n: bool(n % 4)) if windowed else ["full_attention"] * layers
    mixers = {
        kind: (*(sinks(h.heads) if windowed else ()), *grouped(hidden, h, mask, bias=bias, qk_norm=()))
        for kind, mask in masks_of(c, masks).items()
    }
    return sparse_decoder(c, hidden, mixers, masks, {"sparse": mixture}, ["sparse"] * layers)


def _axk1(c: Config) -> Architecture:
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    kinds, shared = dense_then_sparse(c, layers, first=1), optional_size(c, "n_shared_experts") or 0
    mlps = gated_feed_forwards(c, hidden, kinds, shared_ffn=lambda ffn: shared * ffn)
    if "sparse" in mlps:
        mlps["sparse"] = (*mlps["sparse"], norm("after_mixture_norm", hidden))
    return sparse_decoder(c, hidden, {"": latent_attention(c, hidden)}, [""] * layers, mlps, kinds)


IMPORTERS = {
    "afmoe": _afmoe,
    "axk1": _axk1,
    "flint": _flint,
    "granitemoe_swa": _granitemoe,
    "granitemoeshared": _granitemoe,
    "kolibri1": _kolibri,
    "mellum": _mellum,
    "solar_open": _solar_open,
}
