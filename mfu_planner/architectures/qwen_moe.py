"""Qwen mixtures: dense and expert layers by a step or a list, a shared expert behind a gate (Qwen1.5/2), none (Qwen3).

References
----------
.. [1] Yang et al. 2024, arXiv:2407.10671 (Qwen2-57B-A14B).
.. [2] Yang et al. 2025, arXiv:2505.09388 (Qwen3: norms on queries and keys instead of biases).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import (
    attention_heads,
    causal_decoder,
    head_norms,
    index_list,
    layer_blocks,
    listed_kinds,
    optional_size,
    pre_norm_layer,
)
from mfu_planner.architectures.experts import expert_sizes, moe, shared_expert, without_experts
from mfu_planner.architectures.model import Architecture
from mfu_planner.architectures.parts import gated_mlp, self_attention
from mfu_planner.operators import CAUSAL, Mask, Operator, window


def is_sparse(c: Config, layers: int) -> list[bool]:
    """Which layers have experts: every ``decoder_sparse_step``-th, but none of ``mlp_only_layers``."""
    step = c.size("decoder_sparse_step", default=1)
    dense = index_list(c, "mlp_only_layers") or frozenset()
    some = c.size("num_experts", "num_local_experts", least=0) > 0
    return [some and n not in dense and (n + 1) % step == 0 for n in range(layers)]


def qwen_feed_forwards(c: Config, hidden: int, sparse: list[bool], *, shared: bool) -> dict[str, tuple[Operator, ...]]:
    """The MLP of dense layers and the mixture of sparse ones, as far as the model has them."""
    found: dict[str, tuple[Operator, ...]] = {}
    c.no_effect("hidden_act", "norm_topk_prob")
    if all(sparse):
        c.no_effect("intermediate_size")
    else:
        found["dense"] = gated_mlp(hidden, c.size("intermediate_size"))
    if any(sparse):
        always: tuple[Operator, ...] = ()
        if shared:
            always = shared_expert(hidden, c.size("shared_expert_intermediate_size", least=0), weighed=True)
        found["sparse"] = moe(hidden, expert_sizes(c, c.size("moe_intermediate_size")), shared=always)
    else:
        without_experts(c)
    return found


def _qwen2_moe(c: Config) -> Architecture:
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    heads = attention_heads(c, hidden)
    bias = c.flag("qkv_bias", default=True)
    sparse = is_sparse(c, layers)
    feed_forwards = qwen_feed_forwards(c, hidden, sparse, shared=True)

    def layer(mask: Mask, mlp: tuple[Operator, ...]) -> tuple[Operator, ...]:
        attention = self_attention(hidden=hidden, **heads._asdict(), mask=mask, qkv_bias=bias)
        return pre_norm_layer(hidden, attention, mlp)

    masks = {"sliding_attention": CAUSAL, "full_attention": CAUSAL}
    if c.flag("use_sliding_window", default=False):
        masks["sliding_attention"] = window(optional_size(c, "sliding_window"))
    else:
        c.no_effect("sliding_window")
    attentions = listed_kinds(c, "layer_types", layers=layers, known=tuple(masks)) or _qwen2_masks(c, layers)
    kinds = [f"{mlp} {mask}" for mlp, mask in zip(_names(sparse), attentions, strict=True)]
    operators = {f"{mlp} {mask}": layer(masks[mask], feed_forwards[mlp]) for mlp in feed_forwards for mask in masks}
    return causal_decoder(c, hidden, layer_blocks(kinds, operators))


def _qwen2_masks(c: Config, layers: int) -> list[str]:
    """Every other one of the first ``max_window_layers`` layers slides, where sliding is switched on."""
    slides = c.flag("use_sliding_window", default=False)
    until = c.size("max_window_layers", default=layers, least=0)
    return ["sliding_attention" if slides and n % 2 == 0 and n < until else "full_attention" for n in range(layers)]


def _names(sparse: list[bool]) -> list[str]:
    return ["sparse" if is_one else "dense" for is_one in sparse]


def _expected(c: Config, **values: int) -> None:
    """Fields of other Qwen models that this one may repeat; another value than the expected one stays a remark."""
    c.no_effect(*(name for name, value in values.items() if c.data.get(name) == value))


def qwen3_moe(c: Config) -> Architecture:
    """Qwen3 with experts, also as the text part of a multimodal model."""
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    heads = attention_heads(c, hidden)
    bias = c.flag("attention_bias", default=False)
    sliding = optional_size(c, "sliding_window") if c.flag("use_sliding_window", default=False) else None
    c.no_effect("sliding_window")
    _expected(c, use_qk_norm=True, qkv_bias=False, shared_expert_intermediate_size=0)
    sparse = is_sparse(c, layers)
    attention = self_attention(
        hidden=hidden, **heads._asdict(), mask=window(sliding), qkv_bias=bias, out_bias=bias, qk_norm=head_norms(heads)
    )
    feed_forwards = qwen_feed_forwards(c, hidden, sparse, shared=False)
    operators = {name: pre_norm_layer(hidden, attention, mlp) for name, mlp in feed_forwards.items()}
    return causal_decoder(c, hidden, layer_blocks(_names(sparse), operators))


IMPORTERS = {
    "qwen2_moe": _qwen2_moe,
    "qwen3_moe": qwen3_moe,
    "qwen3_omni_moe_text": qwen3_moe,
    "qwen3_vl_moe_text": qwen3_moe,
}
