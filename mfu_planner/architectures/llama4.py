"""Llama 4 (text): chunked attention with rotary positions, full attention without, one routed and one shared expert.

References
----------
.. [1] Meta 2025, https://ai.meta.com/blog/llama-4-multimodal-intelligence/ (Scout and Maverick).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import (
    Heads,
    attention_heads,
    causal_decoder,
    index_list,
    layer_blocks,
    listed_kinds,
    optional_size,
    pre_norm_layer,
)
from mfu_planner.architectures.experts import expert_sizes, moe, shared_expert, without_experts
from mfu_planner.architectures.model import Architecture
from mfu_planner.architectures.parts import gated_mlp, self_attention
from mfu_planner.errors import InputError
from mfu_planner.operators import CAUSAL, Mask, MaskKind, Norm, Operator, Split

_KINDS = ("chunked_attention", "full_attention")


def _rotary_layers(c: Config, layers: int) -> list[bool]:
    """Which layers turn queries and keys: as listed (1 = yes), or all but every ``no_rope_layer_interval``-th."""
    listed = c.raw("no_rope_layers")
    interval = c.size("no_rope_layer_interval", default=4)
    if not listed:
        return [(n + 1) % interval != 0 for n in range(layers)]
    if not isinstance(listed, list) or len(listed) < layers:
        raise InputError(f"{c.origin}: no_rope_layers", listed, f"a list of 0 or 1 for each of {layers} layers")
    return [bool(turned) for turned in listed[:layers]]


def _expert_layers(c: Config, layers: int) -> frozenset[int]:
    listed = index_list(c, "moe_layers")
    step = c.size("interleave_moe_layer_step", default=1)
    return listed if listed is not None else frozenset(range(step - 1, layers, step))


def _attention(
    hidden: int, heads: Heads, mask: Mask, *, bias: bool, rotary: bool, qk_norm: bool
) -> tuple[Operator, ...]:
    """Where queries and keys are turned they may be normed too, without weights."""
    norms: tuple[Operator, ...] = ()
    if rotary and qk_norm:
        vectors = heads.heads + heads.kv_heads
        norms = (Norm(name="qk_norm", width=heads.head_dim, vectors=vectors, weight=False, split=Split.HEADS),)
    return self_attention(
        hidden=hidden, **heads._asdict(), mask=mask, qkv_bias=bias, out_bias=bias, rotary=rotary, qk_norm=norms
    )


def llama4_text(c: Config) -> Architecture:
    """The text model, from its own config or the ``text_config`` of the multimodal one."""
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    heads = attention_heads(c, hidden)
    bias, qk_norm = c.flag("attention_bias", default=False), c.flag("use_qk_norm", default=True)
    c.no_effect("hidden_act", "attn_temperature_tuning", "floor_scale", "attn_scale", "for_llm_compressor")
    size = optional_size(c, "attention_chunk_size")
    chunked = Mask(MaskKind.CHUNK, size) if size else CAUSAL
    rotary = _rotary_layers(c, layers)
    kinds = listed_kinds(c, "layer_types", layers=layers, known=_KINDS) or [_KINDS[0 if r else 1] for r in rotary]
    sparse = _expert_layers(c, layers)
    ffn = c.size("intermediate_size")
    mlps: dict[str, tuple[Operator, ...]] = {}
    if any(n in sparse for n in range(layers)):
        mlps["sparse"] = moe(hidden, expert_sizes(c, ffn), shared=shared_expert(hidden, ffn))
    else:
        without_experts(c)
    if any(n not in sparse for n in range(layers)):
        mlps["dense"] = gated_mlp(hidden, c.size("intermediate_size_mlp"))
    else:
        c.no_effect("intermediate_size_mlp")

    def name(n: int) -> str:
        return f"{'sparse' if n in sparse else 'dense'} {kinds[n]}{'' if rotary[n] else ' without positions'}"

    def operators(n: int) -> tuple[Operator, ...]:
        mask = chunked if kinds[n] == "chunked_attention" else CAUSAL
        attention = _attention(hidden, heads, mask, bias=bias, rotary=rotary[n], qk_norm=qk_norm)
        return pre_norm_layer(hidden, attention, mlps["sparse" if n in sparse else "dense"])

    names = [name(n) for n in range(layers)]
    return causal_decoder(c, hidden, layer_blocks(names, {name(n): operators(n) for n in range(layers)}))


IMPORTERS = {"llama4_text": llama4_text}
