"""LFM2: short gated convolutions in most layers, grouped-query attention in the others; gated MLPs or experts.

References
----------
.. [1] Liquid AI 2025, arXiv:2511.23404 (LFM2).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import attention_heads, index_list, listed_kinds
from mfu_planner.architectures.mixers import causal_convolution, expanded, product
from mfu_planner.architectures.model import Architecture
from mfu_planner.architectures.parts import gated_mlp
from mfu_planner.architectures.sparse_decoders import gated_feed_forwards, grouped, sparse_decoder
from mfu_planner.operators import Elementwise, Operator, Role, Split

Operators = tuple[Operator, ...]
_KINDS = ("conv", "full_attention")


def short_convolution(hidden: int, kernel: int, *, bias: bool) -> Operators:
    """Three projections of the input: the convolved product of two of them, scaled by the third."""
    convolution, _ = causal_convolution(hidden, kernel, bias=bias)
    gate = Elementwise(name="input_gate", width=hidden, read=2, kept=2, split=Split.HEADS, role=Role.CONVOLUTION)
    return (
        product("in_proj", hidden, 3 * hidden, Split.COLUMN, bias=bias, reads="mixer_input"),
        gate,
        convolution,
        Elementwise(name="output_gate", width=hidden, read=2, kept=2, split=Split.HEADS, role=Role.CONVOLUTION),
        product("out_proj", hidden, hidden, Split.ROW, bias=bias),
    )


def _mixers(c: Config, hidden: int) -> dict[str, Operators]:
    h = attention_heads(c, hidden)
    bias = c.flag("conv_bias", default=False)
    c.no_effect("norm_eps", "conv_dim", "conv_dim_out", "conv_use_xavier_init", "block_norm_eps", "block_dim")
    c.no_effect("num_heads", "block_use_swiglu", "block_use_xavier_init", "block_mlp_init_scale", "theta")
    c.no_effect("block_out_init_scale", "max_position_embeddings", "model_max_length")
    return {"conv": short_convolution(hidden, c.size("conv_L_cache"), bias=bias), "full_attention": grouped(hidden, h)}


def _tie(c: Config) -> None:
    if c.has("tie_embedding"):
        c.data = {**c.data, "tie_word_embeddings": c.flag("tie_embedding")}


def _lfm2(c: Config) -> Architecture:
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    attends = index_list(c, "full_attn_idxs")
    kinds = listed_kinds(c, "layer_types", layers=layers, known=_KINDS)
    if kinds is None:
        kinds = ["full_attention" if attends is None or n in attends else "conv" for n in range(layers)]
    _tie(c)
    if c.has("block_ff_dim"):
        c.data = {**c.data, "intermediate_size": c.size("block_ff_dim")}
    ffn, multiple = c.size("intermediate_size"), c.size("block_multiple_of", default=256)
    if c.flag("block_auto_adjust_ff_dim", default=True):  # two thirds, then a factor, then whole multiples
        ffn = 2 * ffn // 3
        if c.has("block_ffn_dim_multiplier"):
            ffn = expanded(c, ffn, "block_ffn_dim_multiplier")
        if c.has("block_ffn_dim_multiplier") or "block_ffn_dim_multiplier" not in c.data:
            ffn = -(-ffn // multiple) * multiple
    else:
        c.no_effect("block_ffn_dim_multiplier")
    mlp = {"dense": gated_mlp(hidden, ffn)}
    return sparse_decoder(c, hidden, _mixers(c, hidden), kinds, mlp, ["dense"] * layers, tied_default=True)


def _lfm2_moe(c: Config) -> Architecture:
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    dense = c.size("num_dense_layers", least=0)
    kinds = listed_kinds(c, "layer_types", layers=layers, known=_KINDS) or ["conv"] * layers
    mlp_kinds = ["dense" if n < dense else "sparse" for n in range(layers)]
    _tie(c)
    c.no_effect("use_expert_bias")
    mlps = gated_feed_forwards(c, hidden, mlp_kinds)
    return sparse_decoder(c, hidden, _mixers(c, hidden), kinds, mlps, mlp_kinds, tied_default=True)


IMPORTERS = {"lfm2": _lfm2, "lfm2_moe": _lfm2_moe}
