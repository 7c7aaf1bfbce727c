"""Cousins of Llama: gated MLPs and grouped-query attention, each with its own norms, biases and windows.

References
----------
.. [1] Qwen2.5 technical report 2024, arXiv:2412.15115 (biases on q, k and v); Qwen3 2025, arXiv:2505.09388 (norms).
.. [2] Abdin et al. 2024, arXiv:2404.14219 (Phi-3: fused projections).
.. [3] Groeneveld et al. 2024, arXiv:2402.00838 (OLMo); OLMo et al. 2025, arXiv:2501.00656 (OLMo 2: norms behind).
.. [4] GLM et al. 2024, arXiv:2406.12793 (GLM-4); Cai et al. 2024, arXiv:2403.17297 (InternLM2).
"""

from __future__ import annotations

from dataclasses import replace

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.dense import (
    decoder,
    every,
    layer_blocks,
    layer_masks,
    usual_sizes,
    window_period,
    window_size,
)
from mfu_planner.architectures.layers import Operators, attention_of, head_norms, post_norm, pre_norm, whole_norms
from mfu_planner.architectures.model import Architecture
from mfu_planner.architectures.parts import gated_mlp, plain_mlp
from mfu_planner.errors import InputError
from mfu_planner.operators import Elementwise, Mask, Norm, window


def qwen_masks(c: Config, layers: int) -> tuple[Mask, ...]:
    """Qwen: a window only where ``use_sliding_window`` is on, in the layers from ``max_window_layers``."""
    on = c.flag("use_sliding_window", default=False)
    if not on:
        c.no_effect("sliding_window", "max_window_layers")
        return layer_masks(c, layers, lambda _: False, None)
    first, size = c.size("max_window_layers", default=0, least=0), window_size(c)
    return layer_masks(c, layers, lambda i: i >= first, size)


def _qwen2(c: Config) -> Architecture:
    s = usual_sizes(c)
    c.no_effect("hidden_act")

    def layer(mask: Mask) -> Operators:
        return pre_norm(s, attention_of(s, mask, bias=True, out_bias=False), gated_mlp(s.hidden, s.ffn))

    return decoder(c, s, layer_blocks(qwen_masks(c, s.layers), layer), tied_default=False)


def _qwen3(c: Config) -> Architecture:
    s, bias = usual_sizes(c, head_dim_apart=True), c.flag("attention_bias", default=False)
    c.no_effect("hidden_act")

    def layer(mask: Mask) -> Operators:
        return pre_norm(s, attention_of(s, mask, bias=bias, qk_norm=head_norms(s)), gated_mlp(s.hidden, s.ffn))

    return decoder(c, s, layer_blocks(qwen_masks(c, s.layers), layer), tied_default=False)


def _phi3(c: Config) -> Architecture:
    s = usual_sizes(c)
    c.no_effect("hidden_act", "original_max_position_embeddings", "partial_rotary_factor", "attention_bias")
    attention = attention_of(s, window(window_size(c)), fused=True)
    layer = pre_norm(s, attention, gated_mlp(s.hidden, s.ffn, fused=True))
    return decoder(c, s, layer, tied_default=False)


def _olmo(c: Config) -> Architecture:
    s = usual_sizes(c)
    c.no_effect("hidden_act")
    attention = attention_of(s, bias=c.flag("attention_bias", default=False))
    layer = pre_norm(s, attention, gated_mlp(s.hidden, s.ffn), weight=False)
    last = (Norm(name="final_norm", width=s.hidden, weight=False),)
    return decoder(c, s, layer, tied_default=False, last=last)


def _olmo2(c: Config) -> Architecture:
    s = usual_sizes(c)
    c.no_effect("hidden_act")
    attention = attention_of(s, bias=c.flag("attention_bias", default=False), qk_norm=whole_norms(s))
    return decoder(c, s, post_norm(s, attention, gated_mlp(s.hidden, s.ffn)), tied_default=False)


def _olmo3(c: Config) -> Architecture:
    s, bias = usual_sizes(c), c.flag("attention_bias", default=False)
    c.no_effect("hidden_act")

    def layer(mask: Mask) -> Operators:
        return post_norm(s, attention_of(s, mask, bias=bias, qk_norm=whole_norms(s)), gated_mlp(s.hidden, s.ffn))

    masks = layer_masks(c, s.layers, every(4), c.size("sliding_window"))
    return decoder(c, s, layer_blocks(masks, layer), tied_default=False)


def _exaone4(c: Config) -> Architecture:
    s = usual_sizes(c, kv_heads_from_heads=False)
    c.no_effect("hidden_act")
    size, pattern = window_size(c), window_period(c)

    def layer(mask: Mask) -> Operators:
        return post_norm(s, attention_of(s, mask, qk_norm=head_norms(s)), gated_mlp(s.hidden, s.ffn))

    masks = layer_masks(c, s.layers, every(pattern) if size else lambda _: False, size)
    return decoder(c, s, layer_blocks(masks, layer), tied_default=False)


def _granite(c: Config) -> Architecture:
    s = usual_sizes(c)
    c.no_effect("hidden_act", "embedding_multiplier", "logits_scaling", "residual_multiplier", "attention_multiplier")
    attention = attention_of(s, bias=c.flag("attention_bias", default=False))
    mlp = gated_mlp(s.hidden, s.ffn, bias=c.flag("mlp_bias", default=False))
    return decoder(c, s, pre_norm(s, attention, mlp), tied_default=False)


def _smollm3(c: Config) -> Architecture:
    s = usual_sizes(c, kv_heads_from_heads=False)
    on, size = c.flag("use_sliding_window", default=False), window_size(c)
    interval = c.size("no_rope_layer_interval", default=4)
    turned = c.raw("no_rope_layers", [1 if every(interval)(i) else 0 for i in range(s.layers)])
    if not isinstance(turned, list) or len(turned) < s.layers:
        raise InputError(f"{c.origin}: no_rope_layers", turned, f"a list of 0 or 1 for each of {s.layers} layers")
    bias, mlp_bias = c.flag("attention_bias", default=False), c.flag("mlp_bias", default=False)
    c.no_effect("hidden_act", "max_window_layers")

    def layer(mask: Mask) -> Operators:
        return pre_norm(s, attention_of(s, mask, bias=bias), gated_mlp(s.hidden, s.ffn, bias=mlp_bias))

    masks = layer_masks(c, s.layers, lambda i: on and not turned[i], size if on else None)
    return decoder(c, s, layer_blocks(masks, layer), tied_default=True)


def _gemma(c: Config) -> Architecture:
    s = usual_sizes(c, head_dim_apart=True, kv_heads_from_heads=False)
    c.no_effect("hidden_act", "hidden_activation")
    attention = attention_of(s, bias=c.flag("attention_bias", default=False))
    return decoder(c, s, pre_norm(s, attention, gated_mlp(s.hidden, s.ffn)), tied_default=True)


def _glm(c: Config) -> Architecture:
    s = usual_sizes(c, head_dim_apart=True, kv_heads_from_heads=False)
    c.no_effect("hidden_act", "partial_rotary_factor")
    attention = attention_of(s, bias=c.flag("attention_bias", default=False), out_bias=False)
    layer = pre_norm(s, attention, gated_mlp(s.hidden, s.ffn, fused=True), after=c.model_type == "glm4")
    return decoder(c, s, layer, tied_default=False)


def _glm4v_text(c: Config) -> Architecture:
    s = usual_sizes(c, kv_heads_from_heads=False)
    c.no_effect("hidden_act", "partial_rotary_factor", "attention_bias")
    attention = attention_of(s, bias=c.model_type != "glm_ocr_text", out_bias=False)
    layer = pre_norm(s, attention, gated_mlp(s.hidden, s.ffn, fused=True), after=True)
    return decoder(c, s, layer, tied_default=False)


def _ernie(c: Config) -> Architecture:
    s = usual_sizes(c, head_dim_apart=True, kv_heads_from_heads=False)
    bias = c.flag("use_bias", default=False)
    c.no_effect("hidden_act")
    layer = pre_norm(s, attention_of(s, bias=bias), gated_mlp(s.hidden, s.ffn, bias=bias))
    return decoder(c, s, layer, tied_default=True)


def _helium(c: Config) -> Architecture:
    s = usual_sizes(c, head_dim_apart=True, kv_heads_from_heads=False)
    c.no_effect("hidden_act")
    attention = attention_of(s, bias=c.flag("attention_bias", default=False), out_bias=False)
    mlp = gated_mlp(s.hidden, s.ffn, bias=c.flag("mlp_bias", default=False))
    return decoder(c, s, pre_norm(s, attention, mlp), tied_default=False)


def _seed_oss(c: Config) -> Architecture:
    s = usual_sizes(c, head_dim_apart=True, kv_heads_from_heads=False)
    c.no_effect("hidden_act", "residual_dropout")
    attention = attention_of(
        s, bias=c.flag("attention_bias", default=True), out_bias=c.flag("attention_out_bias", default=False)
    )
    mlp = gated_mlp(s.hidden, s.ffn, bias=c.flag("mlp_bias", default=False))
    return decoder(c, s, pre_norm(s, attention, mlp), tied_default=False)


def _arcee(c: Config) -> Architecture:
    s = usual_sizes(c)
    c.no_effect("hidden_act")
    attention = attention_of(s, bias=c.flag("attention_bias", default=False))
    mlp = plain_mlp(s.hidden, s.ffn, bias=c.flag("mlp_bias", default=False))
    return decoder(c, s, pre_norm(s, attention, mlp), tied_default=False)


def _internlm2(c: Config) -> Architecture:
    s, bias = usual_sizes(c), c.flag("bias", default=False)
    c.no_effect("hidden_act", "attn_implementation")
    layer = pre_norm(s, attention_of(s, bias=bias, fused=True), gated_mlp(s.hidden, s.ffn))
    return decoder(c, s, layer, tied_default=False)


def _cwm(c: Config) -> Architecture:
    s = usual_sizes(c)
    bias = c.flag("mlp_bias", default=False)
    c.no_effect("hidden_act", "attention_bias")

    def layer(mask: Mask) -> Operators:
        return pre_norm(s, attention_of(s, mask), gated_mlp(s.hidden, s.ffn, bias=bias))

    size = window_size(c)
    return decoder(c, s, layer_blocks(layer_masks(c, s.layers, lambda i: bool(i % 4), size), layer), tied_default=False)


def _apertus(c: Config) -> Architecture:
    s = usual_sizes(c)
    c.no_effect("hidden_act", "mlp_bias", "post_norm", "qk_norm")
    attention = attention_of(s, bias=c.flag("attention_bias", default=False), qk_norm=head_norms(s))
    learned = c.text("hidden_act", default="xielu") == "xielu"
    mlp = tuple(
        replace(op, weights=2) if learned and isinstance(op, Elementwise) else op
        for op in plain_mlp(s.hidden, s.ffn, bias=False)
    )
    return decoder(c, s, pre_norm(s, attention, mlp), tied_default=False)


def _ministral(c: Config) -> Architecture:
    s = usual_sizes(c)
    c.no_effect("hidden_act")

    def layer(mask: Mask) -> Operators:
        return pre_norm(s, attention_of(s, mask), gated_mlp(s.hidden, s.ffn))

    size = window_size(c)
    masks = layer_masks(c, s.layers, lambda _: size is not None, size)
    return decoder(c, s, layer_blocks(masks, layer), tied_default=False)


IMPORTERS = {
    "apertus": _apertus,
    "cwm": _cwm,
    "ministral": _ministral,
    "qwen2_vl_text": _qwen2,
    "qwen2_5_omni_text": _qwen2,
    "qwen2_5_vl_text": _qwen2,
    "qwen3_vl_text": _qwen3,
    "qwen2": _qwen2,
    "hunyuan_v1_dense": _qwen3,
    "qwen3": _qwen3,
    "phi3": _phi3,
    "olmo": _olmo,
    "olmo2": _olmo2,
    "olmo3": _olmo3,
    "exaone4": _exaone4,
    "granite": _granite,
    "smollm3": _smollm3,
    "gemma": _gemma,
    "glm": _glm,
    "glm4v_text": _glm4v_text,
    "glm_ocr_text": _glm4v_text,
    "paddleocr_vl_text": _ernie,
    "glm4": _glm,
    "ernie4_5": _ernie,
    "helium": _helium,
    "seed_oss": _seed_oss,
    "arcee": _arcee,
    "internlm2": _internlm2,
}
