"""Mixtures of 2025 and 2026: grouped-query attention, dense first layers, experts beside one that every token visits.

Each type is one importer: its attention, masks and feed-forwards; what they share is :func:`sparse_decoder`.

References
----------
.. [1] Baidu 2025, https://huggingface.co/baidu/ERNIE-4.5-21B-A3B-PT; MiniMax 2025,
   https://huggingface.co/MiniMaxAI/MiniMax-M2 (norms over all queries and all keys).
.. [2] rednote-hilab 2025, arXiv:2506.05767 (dots.llm1); LG AI Research 2026,
   https://huggingface.co/LGAI-EXAONE/K-EXAONE-236B-A23B.
.. [3] Tencent 2024, arXiv:2411.02265 (Hunyuan-Large: a shared MLP beside the experts).
.. [4] Shi et al. 2025, arXiv:2507.07024 (FlexOlmo); Cohere, https://huggingface.co/CohereLabs (a parallel block).
.. [5] Xiaomi 2026, https://huggingface.co/XiaomiMiMo/MiMo-V2-Flash (windows with sinks, narrow value heads).
.. [6] Poolside 2026, https://huggingface.co/poolside (Laguna: head counts by layer, a gate on the output).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import (
    Heads,
    attention_heads,
    causal_decoder,
    head_norms,
    layer_blocks,
    listed_kinds,
    optional_size,
    pre_norm_layer,
)
from mfu_planner.architectures.deepseek import ROUTING, dense_then_sparse, prediction_blocks
from mfu_planner.architectures.dense import window_period
from mfu_planner.architectures.experts import expert_sizes, moe, shared_expert, without_experts
from mfu_planner.architectures.model import Architecture
from mfu_planner.architectures.parts import gated_mlp, norm, residual, self_attention
from mfu_planner.errors import InputError
from mfu_planner.numeric.letters import plain
from mfu_planner.operators import CAUSAL, Attention, Elementwise, Mask, MatMul, Norm, Operator, Role, Split, window

Operators = tuple[Operator, ...]
_MASKS = ("sliding_attention", "full_attention")


def mask_kinds(c: Config, layers: int, local: Callable[[int], bool]) -> list[str]:
    """The kind of attention of each layer: as ``layer_types`` lists it, or by the type's own rule."""
    listed = listed_kinds(c, "layer_types", layers=layers, known=_MASKS)
    return listed or ["sliding_attention" if local(n) else "full_attention" for n in range(layers)]


def masks_of(c: Config, kinds: Sequence[str]) -> dict[str, Mask]:
    """The mask of each kind; a window without a size is an error."""
    if "sliding_attention" not in kinds:
        c.no_effect("sliding_window")
        return {"full_attention": CAUSAL}
    return {"full_attention": CAUSAL, "sliding_attention": window(c.size("sliding_window"))}


def gated_feed_forwards(
    c: Config,
    hidden: int,
    kinds: Sequence[str],
    *,
    dense_ffn: str = "intermediate_size",
    expert_ffn: str = "moe_intermediate_size",
    shared_ffn: Callable[[int], int] | None = None,
    bias: bool = False,
    correction: bool = False,
) -> dict[str, Operators]:
    """The gated MLP of dense layers and the mixture of sparse ones, as far as the model has them.

    ``shared_ffn``: width of what every token visits, given the experts' width.  ``correction``: a bias for each expert
    that only routing sees is stored as a parameter.
    """
    c.no_effect(*ROUTING)
    found: dict[str, Operators] = {}
    if "dense" in kinds:
        found["dense"] = gated_mlp(hidden, c.size(dense_ffn), bias=bias)
    elif dense_ffn != expert_ffn:
        c.no_effect(dense_ffn)
    if "sparse" in kinds:
        ffn = c.size(expert_ffn)
        experts = expert_sizes(c, ffn)
        extra: Operators = ()
        if correction:
            extra = (Elementwise(name="router_correction", width=0, weights=experts.total, role=Role.ROUTER),)
        always = shared_expert(hidden, shared_ffn(ffn), bias=bias) if shared_ffn else ()
        if not shared_ffn and not c.data.get("n_shared_experts"):
            c.no_effect("n_shared_experts")
        found["sparse"] = (*moe(hidden, experts, shared=always), *extra)
    else:
        without_experts(c)
    return found


def sparse_decoder(
    c: Config,
    hidden: int,
    mixers: Mapping[str, Operators],
    mixer_kinds: Sequence[str],
    mlps: Mapping[str, Operators],
    mlp_kinds: Sequence[str],
    *,
    join: Callable[[Operators, Operators], Operators] | None = None,
    tied_default: bool = False,
    head_bias: bool = False,
    final_norm: Norm | None = None,
    predicts: bool = False,
    ahead: str = "",
) -> Architecture:
    """A decoder whose layers pair one of several mixers with one of several feed-forwards.

    ``predicts``: the config may name multi-token prediction; its layers have the mixer ``ahead``, or the last layer's.
    """

    def pre(mixer: Operators, mlp: Operators) -> Operators:
        return pre_norm_layer(hidden, mixer, mlp)

    put = join or pre
    names = [
        " ".join(part for part, several in ((mlp, len(mlps) > 1), (mixer, len(set(mixer_kinds)) > 1)) if several)
        or "layer"
        for mixer, mlp in zip(mixer_kinds, mlp_kinds, strict=True)
    ]
    operators = {
        name: put(mixers[mixer], mlps[mlp]) for name, mixer, mlp in zip(names, mixer_kinds, mlp_kinds, strict=True)
    }
    last = put(mixers[ahead or mixer_kinds[-1]], mlps[mlp_kinds[-1]])
    prediction = prediction_blocks(c, hidden, last, len(names)) if predicts else ()
    return causal_decoder(
        c,
        hidden,
        layer_blocks(names, operators),
        tied_default=tied_default,
        head_bias=head_bias,
        final_norm=final_norm,
        prediction=prediction,
    )


def grouped(
    hidden: int, h: Heads, mask: Mask = CAUSAL, *, bias: bool = False, qk_norm: Operators | None = None
) -> Operators:
    """Grouped-query attention; norms on each head of queries and keys unless others are given."""
    return self_attention(
        hidden=hidden,
        heads=h.heads,
        kv_heads=h.kv_heads,
        head_dim=h.head_dim,
        mask=mask,
        qkv_bias=bias,
        out_bias=bias,
        qk_norm=head_norms(h) if qk_norm is None else qk_norm,
    )


def wide_norms(h: Heads) -> Operators:
    """One norm over all queries, one over all keys."""
    return (
        Norm(name="q_norm", width=h.heads * h.head_dim, split=Split.HEADS),
        Norm(name="k_norm", width=h.kv_heads * h.head_dim, split=Split.HEADS),
    )


def _ernie(c: Config) -> Architecture:
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    bias, h = c.flag("use_bias", default=False), attention_heads(c, hidden)
    start, step = c.size("moe_layer_start_index", default=1, least=0), c.size("moe_layer_interval", default=1)
    end = c.raw("moe_layer_end_index", -1)
    if not isinstance(end, int) or isinstance(end, bool):
        raise InputError(f"{c.origin}: moe_layer_end_index", end, "the number of a layer, or -1 for the last")
    end = layers - 1 if end == -1 else end
    kinds = ["sparse" if (n + 1) % step == 0 and start <= n <= end else "dense" for n in range(layers)]
    c.no_effect("hidden_act", "moe_norm_min", "moe_capacity", "moe_gate", "moe_use_aux_free")
    shared = c.size("moe_num_shared_experts", least=0)
    mlps = gated_feed_forwards(c, hidden, kinds, shared_ffn=lambda ffn: shared * ffn, bias=bias, correction=True)
    mixer = {"attention": grouped(hidden, h, bias=bias, qk_norm=())}
    return sparse_decoder(
        c, hidden, mixer, ["attention"] * layers, mlps, kinds, tied_default=True, head_bias=bias, predicts=True
    )


def _minimax_m2(c: Config) -> Architecture:
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    h = attention_heads(c, hidden)
    c.no_effect("hidden_act", "rotary_dim", "use_qk_norm", "qk_norm_type", "scoring_func", "use_routing_bias")
    c.no_effect("shared_intermediate_size", "attn_type_list", "mtp_transformer_layers", "use_mtp", "num_mtp_modules")
    kinds = ["sparse"] * layers
    mlps = gated_feed_forwards(c, hidden, kinds, dense_ffn="intermediate_size", expert_ffn="intermediate_size")
    return sparse_decoder(c, hidden, {"": grouped(hidden, h, qk_norm=wide_norms(h))}, [""] * layers, mlps, kinds)


def _dots1(c: Config) -> Architecture:
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    h, bias = attention_heads(c, hidden), c.flag("attention_bias", default=False)
    slides, until = optional_size(c, "sliding_window"), c.size("max_window_layers", default=layers, least=0)
    masks = mask_kinds(c, layers, lambda n: slides is not None and n >= until)
    mixers = {kind: grouped(hidden, h, mask, bias=bias) for kind, mask in masks_of(c, masks).items()}
    kinds = dense_then_sparse(c, layers)
    shared = optional_size(c, "n_shared_experts") or 0
    mlps = gated_feed_forwards(c, hidden, kinds, shared_ffn=lambda ffn: shared * ffn)
    return sparse_decoder(c, hidden, mixers, masks, mlps, kinds)


def _hy_v3(c: Config) -> Architecture:
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    h, bias = attention_heads(c, hidden), c.flag("attention_bias", default=False)
    c.no_effect("hidden_act", "router_scaling_factor", "enable_moe_fp32_combine", "expert_hidden_dim")
    kinds = dense_then_sparse(c, layers, first=1)
    shared = c.size("num_shared_experts", default=1, least=0)
    mlps = gated_feed_forwards(
        c, hidden, kinds, shared_ffn=lambda ffn: shared * ffn, bias=c.flag("mlp_bias", default=False)
    )
    mixer = {"": grouped(hidden, h, bias=bias)}
    return sparse_decoder(c, hidden, mixer, [""] * layers, mlps, kinds, predicts=True)


def _exaone_moe(c: Config) -> Architecture:
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    h, slides = attention_heads(c, hidden), optional_size(c, "sliding_window")
    every = window_period(c)
    c.no_effect("hidden_act", "scoring_func")
    masks = mask_kinds(c, layers, lambda n: slides is not None and (n + 1) % every != 0)
    mixers = {kind: grouped(hidden, h, mask) for kind, mask in masks_of(c, masks).items()}
    kinds = dense_then_sparse(c, layers, first=1)
    shared = c.size("num_shared_experts", "n_shared_experts", default=1, least=0)
    mlps = gated_feed_forwards(c, hidden, kinds, shared_ffn=lambda ffn: shared * ffn)
    return sparse_decoder(c, hidden, mixers, masks, mlps, kinds, predicts=True)


def _hunyuan_moe(c: Config) -> Architecture:
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    h, bias = attention_heads(c, hidden), c.flag("attention_bias", default=False)
    c.no_effect("hidden_act", "use_qk_norm", "use_mixed_mlp_moe", "num_shared_expert", "moe_intermediate_size")
    ffn, one = c.size("intermediate_size"), same_in_every_layer(c, "num_experts", "moe_topk")
    mixture = moe(hidden, expert_sizes(one, ffn), shared=shared_expert(hidden, ffn))
    mixer = {"": grouped(hidden, h, bias=bias)}
    return sparse_decoder(c, hidden, mixer, [""] * layers, {"sparse": mixture}, ["sparse"] * layers)


def same_in_every_layer(c: Config, *names: str) -> Config:
    """The config with lists of equal values, one a layer, read as that value.

    Raises
    ------
    InputError
        Values that differ from layer to layer, which the class in transformers does not build either.
    """
    for name in names:
        value = c.data.get(name)
        if isinstance(value, list):
            if len({str(one) for one in value}) != 1:
                raise InputError(f"{c.origin}: {name}", value, "one value for every layer")
            c.data = {**c.data, name: value[0]}
    return c


def _cohere2_moe(c: Config) -> Architecture:
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    h, bias = attention_heads(c, hidden), c.flag("attention_bias", default=False)
    first = c.size("first_k_dense_replace", default=0, least=0)
    before, after = (
        c.size("prefix_dense_sliding_window_pattern", default=1),
        c.size("sliding_window_pattern", default=4),
    )

    def local(n: int) -> bool:
        return (n + 1) % before != 0 if n < first else (n - first + 1) % after != 0

    masks, kinds = mask_kinds(c, layers, local), dense_then_sparse(c, layers, first=first)
    c.no_effect("hidden_act", "logit_scale", "expert_selection_fn", "shared_expert_combination_strategy")
    attentions = {kind: grouped(hidden, h, mask, bias=bias, qk_norm=()) for kind, mask in masks_of(c, masks).items()}
    shared = c.size("num_shared_experts", default=0, least=0)
    ffn = c.size("intermediate_size")
    wide = optional_size(c, "prefix_dense_intermediate_size") or ffn
    mlps: dict[str, Operators] = {}
    if "dense" in kinds:
        mlps["dense"] = gated_mlp(hidden, wide)
    if "sparse" in kinds:
        mlps["sparse"] = moe(hidden, expert_sizes(c, ffn), shared=shared_expert(hidden, shared * ffn))
    c.no_effect(*ROUTING)

    def join(attention: Operators, mlp: Operators) -> Operators:
        return (norm("input_norm", hidden), *attention, *mlp, residual("residual", hidden))

    return sparse_decoder(c, hidden, attentions, masks, mlps, kinds, join=join, tied_default=True)


def _flex_olmo(c: Config) -> Architecture:
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    h, bias = attention_heads(c, hidden), c.flag("attention_bias", default=False)
    mixture = moe(hidden, expert_sizes(c, c.size("intermediate_size")))
    c.no_effect(*ROUTING)

    def join(attention: Operators, mlp: Operators) -> Operators:
        return (
            *attention,
            norm("after_attention_norm", hidden),
            residual("attention_residual", hidden),
            *mlp,
            norm("after_mlp_norm", hidden),
            residual("mlp_residual", hidden),
        )

    mixer = {"": grouped(hidden, h, bias=bias, qk_norm=wide_norms(h))}
    return sparse_decoder(c, hidden, mixer, [""] * layers, {"sparse": mixture}, ["sparse"] * layers, join=join)


def _mimo(c: Config) -> Architecture:
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    heads, kv_heads = c.size("num_attention_heads"), c.size("num_key_value_heads")
    qk_dim, v_dim = c.size("head_dim"), c.size("v_head_dim")
    bias = c.flag("attention_bias", default=False)
    pattern, sparse = c.raw("hybrid_layer_pattern"), c.raw("moe_layer_freq")
    for name, listed in (("hybrid_layer_pattern", pattern), ("moe_layer_freq", sparse)):
        if listed is not None and (not isinstance(listed, list) or len(listed) != layers):
            raise InputError(f"{c.origin}: {name}", listed, f"a list of 0 or 1 for each of {layers} layers")
    masks = mask_kinds(c, layers, lambda n: bool(pattern[n]) if pattern else n > 0 and (n + 1) % 6 != 0)
    if c.has("sliding_window_size"):
        c.data = {**c.data, "sliding_window": c.size("sliding_window_size") + 1}
    c.no_effect("hidden_act", "attention_value_scale", "partial_rotary_factor")

    def attention(mask: Mask, kv: int, sinks: bool) -> Operators:
        def project(name: str, outputs: int) -> MatMul:
            return MatMul(
                name=name, inputs=hidden, outputs=outputs, bias=bias, role=Role.ATTENTION, split=Split.COLUMN,
                reads="attention_input",
            )  # fmt: skip

        sink = (Elementwise(name="sinks", width=heads, weights=heads, role=Role.ATTENTION, split=Split.HEADS),)
        return (
            project("q_proj", heads * qk_dim),
            project("k_proj", kv * qk_dim),
            project("v_proj", kv * v_dim),
            Elementwise(name="rotary", width=(heads + kv) * qk_dim, split=Split.HEADS),
            *(sink if sinks else ()),
            Attention(name="attention", heads=heads, kv_heads=kv, qk_dim=qk_dim, v_dim=v_dim, mask=mask),
            MatMul(name="o_proj", inputs=heads * v_dim, outputs=hidden, role=Role.ATTENTION, split=Split.ROW),
        )

    mixers = {
        kind: attention(mask, kv_heads * 2 if kind == "sliding_attention" else kv_heads, kind == "sliding_attention")
        for kind, mask in masks_of(c, masks).items()
    }
    kinds = ["sparse" if one else "dense" for one in sparse] if sparse else dense_then_sparse(c, layers, first=1)
    c.no_effect("add_full_attention_sink_bias", "add_swa_attention_sink_bias", "attention_chunk_size", "attention_bias")
    c.no_effect("layernorm_epsilon", "swa_head_dim", "swa_v_head_dim", "swa_num_attention_heads", "swa_rope_theta")
    c.no_effect("swa_num_key_value_heads")
    return sparse_decoder(c, hidden, mixers, masks, gated_feed_forwards(c, hidden, kinds), kinds)


def _laguna(c: Config) -> Architecture:
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    kv_heads, head_dim = c.size("num_key_value_heads"), c.size("head_dim")
    per_layer = c.raw("num_attention_heads_per_layer") or [c.size("num_attention_heads")] * layers
    if (
        not isinstance(per_layer, list)
        or len(per_layer) != layers
        or not all(type(plain(n)) is int and n > 0 for n in per_layer)
    ):
        raise InputError(f"{c.origin}: num_attention_heads_per_layer", per_layer, f"a list of {layers} head counts")
    for heads in per_layer:
        c.divides("num_attention_heads_per_layer / num_key_value_heads", heads, kv_heads)
    gating, bias = c.raw("gating", True), c.flag("attention_bias", default=False)
    c.no_effect("hidden_act", "moe_routed_scaling_factor", "moe_apply_router_weight_on_input", "partial_rotary_factor")
    c.no_effect("moe_router_logit_softcapping", "num_attention_heads")
    masks = mask_kinds(c, layers, lambda _: False)
    sizes = masks_of(c, masks)
    by_head = gating in (True, "per-head")
    mixers = {
        f"{kind} of {heads} heads": gated_output(
            hidden, grouped(hidden, Heads(heads, kv_heads, head_dim), sizes[kind], bias=bias), heads, head_dim, by_head
        )
        for kind, heads in dict.fromkeys(zip(masks, per_layer, strict=True))
    }
    kinds = dense_then_sparse(c, layers, first=1)
    shared = c.size("shared_expert_intermediate_size", least=0)
    mlps = gated_feed_forwards(c, hidden, kinds, shared_ffn=lambda _: shared, correction=True)
    names = [f"{kind} of {heads} heads" for kind, heads in zip(masks, per_layer, strict=True)]
    return sparse_decoder(c, hidden, mixers, names, mlps, kinds)


def gated_output(hidden: int, attention: Operators, heads: int, head_dim: int, by_head: bool) -> Operators:
    """Attention whose output is scaled by a gate of its own projection: one value a head, or one a feature."""
    width = heads * head_dim
    *before, out = attention
    return (
        *before,
        MatMul(
            name="g_proj",
            inputs=hidden,
            outputs=heads if by_head else width,
            role=Role.ATTENTION,
            split=Split.COLUMN,
            reads="attention_input",
        ),
        Elementwise(name="attention_gate", width=width, read=2, kept=2, split=Split.HEADS, role=Role.ATTENTION),
        out,
    )


IMPORTERS = {
    "ernie4_5_moe": _ernie,
    "minimax_m2": _minimax_m2,
    "dots1": _dots1,
    "hy_v3": _hy_v3,
    "exaone_moe": _exaone_moe,
    "hunyuan_v1_moe": _hunyuan_moe,
    "cohere2_moe": _cohere2_moe,
    "flex_olmo": _flex_olmo,
    "mimo_v2_flash": _mimo,
    "laguna": _laguna,
}
