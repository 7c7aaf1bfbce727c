"""DeepSeek-V4: one latent key for all heads, compressed entries beside a window, hyper-connections, hash-routed layers.

``full`` is what eager code multiplies; ``causal`` what the method needs: the window and the chosen entries.

References
----------
.. [1] DeepSeek-AI 2026, https://huggingface.co/deepseek-ai/DeepSeek-V4-Flash; Zhu et al. 2024, arXiv:2409.19606.
"""

from __future__ import annotations

from typing import NamedTuple

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import causal_decoder, layer_blocks, listed_kinds, prediction_module
from mfu_planner.architectures.deepseek import ROUTING
from mfu_planner.architectures.experts import expert_sizes, moe, shared_expert
from mfu_planner.architectures.indexed import NOTE
from mfu_planner.architectures.layers import without_gradients
from mfu_planner.architectures.model import Architecture, Block
from mfu_planner.architectures.parts import norm
from mfu_planner.errors import InputError
from mfu_planner.operators import Attention as WindowAttention
from mfu_planner.operators import (
    CompressedAttention,
    Elementwise,
    MatMul,
    Norm,
    Operator,
    Role,
    Split,
    StreamMixing,
    window,
)

Operators = tuple[Operator, ...]
_WINDOWED, _SPARSE, _HEAVY = "sliding_attention", "compressed_sparse_attention", "heavily_compressed_attention"
_KIND_OF_RATIO = {0: _WINDOWED, 4: _SPARSE, 128: _HEAVY}
"""How published files list the kinds, as transformers reads them."""
_RATES = {_SPARSE: 4, _HEAVY: 128}


class _Sizes(NamedTuple):
    hidden: int
    heads: int
    width: int
    q_rank: int
    window: int


def _product(name: str, inputs: int, outputs: int, split: Split = Split.REPLICATED, reads: str = "") -> MatMul:
    return MatMul(name=name, inputs=inputs, outputs=outputs, role=Role.ATTENTION, split=split, reads=reads)


def _compressor(hidden: int, width: int, rate: int, prefix: str, *, overlap: bool) -> Operators:
    """Keys of runs of ``rate`` tokens: a weighted mean; with ``overlap`` each run is blended with the one before."""
    wide = width * 2 if overlap else width
    return (
        _product(f"{prefix}kv_proj", hidden, wide, reads="attention_input"),
        _product(f"{prefix}gate_proj", hidden, wide, reads="attention_input"),
        Elementwise(name=f"{prefix}compress", width=wide, read=2, kept=2, weights=rate * wide, role=Role.ATTENTION),
        Norm(name=f"{prefix}compress_norm", width=width),
    )


def _indexer(c: Config, s: _Sizes, rate: int) -> Operators:
    heads, width = c.size("index_n_heads"), c.size("index_head_dim")
    scores = CompressedAttention(
        name="index_scores", heads=heads, kv_heads=1, qk_dim=width, v_dim=0, rate=rate, own=False, role=Role.ATTENTION
    )
    return without_gradients(
        (
            *_compressor(s.hidden, width, rate, "index_", overlap=True),
            _product("index_q_proj", s.q_rank, heads * width),
            _product("index_weights_proj", s.hidden, heads, reads="attention_input"),
            scores,
        )
    )


def _attention(c: Config, s: _Sizes, kind: str, rates: dict[str, int]) -> Operators:
    groups, rank = c.size("o_groups"), c.size("o_lora_rank")
    entries: Operators = ()
    scores: WindowAttention = WindowAttention(
        name="attention", heads=s.heads, kv_heads=1, qk_dim=s.width, v_dim=s.width, mask=window(s.window)
    )
    if kind != _WINDOWED:
        rate = rates[kind]
        entries = _compressor(s.hidden, s.width, rate, "compressor_", overlap=kind == _SPARSE)
        if kind == _SPARSE:
            entries += _indexer(c, s, rate)
        scores = CompressedAttention(
            name="attention",
            heads=s.heads,
            kv_heads=1,
            qk_dim=s.width,
            v_dim=s.width,
            mask=window(s.window),
            rate=rate,
            chosen=c.size("index_topk") if kind == _SPARSE else 0,
        )
    return (
        _product("q_a_proj", s.hidden, s.q_rank, reads="attention_input"),
        Norm(name="q_a_norm", width=s.q_rank),
        _product("q_b_proj", s.q_rank, s.heads * s.width, Split.COLUMN),
        Norm(name="q_b_norm", width=s.width, vectors=s.heads, weight=False, split=Split.HEADS),
        _product("kv_proj", s.hidden, s.width, reads="attention_input"),
        Norm(name="kv_norm", width=s.width),
        Elementwise(name="rotary", width=(s.heads + 1) * s.width, split=Split.HEADS),
        *entries,
        Elementwise(name="sinks", width=s.heads, weights=s.heads, role=Role.ATTENTION, split=Split.HEADS),
        scores,
        _product("o_a_proj", c.divides("heads · head_dim / o_groups", s.heads * s.width, groups), groups * rank),
        _product("o_b_proj", groups * rank, s.hidden, Split.ROW),
    )


def _connection(hidden: int, streams: int, name: str) -> Operators:
    """From the token's streams: how they are read, written and mixed with one another."""
    outputs = (2 + streams) * streams
    return (
        Norm(name=f"{name}_norm", width=streams * hidden, weight=False),
        MatMul(name=f"{name}_weights", inputs=streams * hidden, outputs=outputs, split=Split.REPLICATED),
        Elementwise(name=f"{name}_read", width=hidden, read=streams, kept=streams, weights=outputs + 3),
    )


def _mixed(hidden: int, streams: int, name: str) -> Operators:
    return (
        StreamMixing(name=f"{name}_mixing", streams=streams, width=hidden),
        Elementwise(name=f"{name}_residual", width=streams * hidden, read=2, written=1),
    )


def _layer(hidden: int, streams: int, attention: Operators, mlp: Operators) -> Operators:
    return (
        *_connection(hidden, streams, "attention_connection"),
        norm("input_norm", hidden),
        *attention,
        *_mixed(hidden, streams, "attention"),
        *_connection(hidden, streams, "mlp_connection"),
        norm("post_attention_norm", hidden),
        *mlp,
        *_mixed(hidden, streams, "mlp"),
    )


def _rates(c: Config) -> dict[str, int]:
    stated = c.raw("compress_rates") or _RATES
    if not isinstance(stated, dict):
        raise InputError(f"{c.origin}: compress_rates", stated, "a number of tokens for each kind of attention")
    found = {
        _SPARSE: c.raw("compress_rate_csa") or stated.get(_SPARSE),
        _HEAVY: c.raw("compress_rate_hca") or stated.get(_HEAVY),
    }
    if not all(type(rate) is int and rate > 0 for rate in found.values()):
        raise InputError(f"{c.origin}: compress_rates", found, "a positive number of tokens for each kind of attention")
    return found  # type: ignore[return-value]


def _kinds(c: Config, layers: int) -> list[str]:
    ratios = c.raw("compress_ratios")
    if not c.has("layer_types") and isinstance(ratios, list):
        unknown = [r for r in ratios[:layers] if type(r) is not int or r not in _KIND_OF_RATIO]
        if unknown or len(ratios) < layers:
            raise InputError(f"{c.origin}: compress_ratios", unknown or ratios, f"{layers} of 0, 4 and 128")
        return [_KIND_OF_RATIO[r] for r in ratios[:layers]]
    listed = listed_kinds(c, "layer_types", layers=None, known=tuple(_KIND_OF_RATIO.values()), legacy={})
    if listed is None:
        return [_HEAVY if n < 2 or n % 2 == 0 else _SPARSE for n in range(layers)]
    if len(listed) < layers:
        raise InputError(f"{c.origin}: layer_types", f"{len(listed)} layers", f"at least {layers}")
    return listed[:layers]


def _deepseek_v4(c: Config) -> Architecture:
    hidden, layers, streams = c.size("hidden_size"), c.size("num_hidden_layers"), c.size("hc_mult")
    s = _Sizes(
        hidden, c.size("num_attention_heads"), c.size("head_dim"), c.size("q_lora_rank"), c.size("sliding_window")
    )
    rates, kinds = _rates(c), _kinds(c, layers)
    attentions = {kind: _attention(c, s, kind, rates) for kind in dict.fromkeys(kinds)}
    ffn = c.size("moe_intermediate_size", "intermediate_size")
    bias = c.flag("mlp_bias", default=False)
    mlp = moe(hidden, expert_sizes(c, ffn), shared=shared_expert(hidden, ffn, bias=bias))
    c.no_effect(*ROUTING)
    c.no_effect(
        "hc_sinkhorn_iters", "hc_eps", "swiglu_limit", "n_shared_experts", "num_key_value_heads", "attention_bias"
    )
    c.no_effect("num_hash_layers", "mlp_layer_types", "qk_rope_head_dim", "partial_rotary_factor", "expert_dtype")
    c.no_effect("compress_rope_theta", "index_topk", "index_n_heads", "index_head_dim")
    operators = {kind: _layer(hidden, streams, attention, mlp) for kind, attention in attentions.items()}
    last = (
        Norm(name="head_connection_norm", width=streams * hidden, weight=False),
        MatMul(name="head_connection_weights", inputs=streams * hidden, outputs=streams, split=Split.REPLICATED),
        Elementwise(name="head_connection", width=hidden, read=streams, kept=streams, weights=streams + 1),
    )
    built = causal_decoder(
        c, hidden, layer_blocks(kinds, operators), before_norm=last, prediction=_prediction(c, operators, kinds, layers)
    )
    return built.with_notes(NOTE) if _SPARSE in kinds else built


def _prediction(c: Config, operators: dict[str, Operators], kinds: list[str], layers: int) -> tuple[Block, ...]:
    count = c.size("num_nextn_predict_layers", default=0, least=0)
    if not count:
        return ()
    inside = prediction_module(c.size("hidden_size"), operators[kinds[-1]], c.size("vocab_size"))
    return (Block("prediction", inside, tuple(range(layers, layers + count))),)


IMPORTERS = {"deepseek_v4": _deepseek_v4}
