"""Decoders whose attention and MLP stand side by side: Falcon, Phi, Command R, StableLM, GPT-J, CodeGen.

References
----------
.. [1] Almazrouei et al. 2023, arXiv:2311.16867 (Falcon: multi-query, then grouped keys and values).
.. [2] Li et al. 2023, arXiv:2309.05463 (Phi-1.5).
.. [3] Bellagente et al. 2024, arXiv:2402.17834 (StableLM 2).
.. [4] Cohere 2025, arXiv:2504.00698 (Command A: local and global layers).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.dense import decoder, every, layer_blocks, layer_masks, usual_sizes
from mfu_planner.architectures.layers import Operators, Sizes, attention_of, parallel, pre_norm
from mfu_planner.architectures.model import Architecture
from mfu_planner.architectures.parts import gated_mlp, norm, plain_mlp
from mfu_planner.operators import Mask, Norm, Split


def _falcon(c: Config) -> Architecture:
    hidden, heads = c.size("hidden_size", "n_embed"), c.size("num_attention_heads", "n_head")
    new, multi_query = c.flag("new_decoder_architecture", default=False), c.flag("multi_query", default=True)
    kv_heads = heads
    if new:
        kv_heads = c.size("num_kv_heads", "n_head_kv") if c.has("num_kv_heads") or c.has("n_head_kv") else heads
    elif multi_query:
        kv_heads = 1
    c.divides("num_attention_heads / num_kv_heads", heads, kv_heads)
    s = Sizes(
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads,
        vocab=c.size("vocab_size"),
        head_dim=c.divides("hidden_size / num_attention_heads", hidden, heads, letter="h"),
        ffn=c.size("ffn_hidden_size") if c.has("ffn_hidden_size") else 4 * hidden,
        layers=c.size("num_hidden_layers", "n_layer"),
    )
    bias, alibi = c.flag("bias", default=False), c.flag("alibi", default=False)
    side_by_side = c.flag("parallel_attn", default=True)
    norms = c.size("num_ln_in_parallel_attn") if c.has("num_ln_in_parallel_attn") else 1 + new
    c.no_effect("num_kv_heads", "n_head_kv", "activation", "apply_residual_connection_post_layernorm")
    attention = attention_of(s, bias=bias, fused=True, rotary=not alibi)
    mlp = plain_mlp(hidden, s.ffn, bias=bias)
    if side_by_side:
        layer = parallel(s, attention, mlp, bias=True, norms=norms)
    else:
        layer = pre_norm(s, attention, mlp, bias=True)
    return decoder(c, s, layer, tied_default=True, last=(norm("final_norm", hidden, bias=True),))


def _phi(c: Config) -> Architecture:
    s = usual_sizes(c)
    c.no_effect("hidden_act", "partial_rotary_factor", "rotary_dim")
    norms: Operators = ()
    if c.flag("qk_layernorm", default=False):
        norms = (
            Norm(name="q_norm", width=s.head_dim, bias=True, vectors=s.heads, split=Split.HEADS),
            Norm(name="k_norm", width=s.head_dim, bias=True, vectors=s.kv_heads, split=Split.HEADS),
        )
    layer = parallel(s, attention_of(s, bias=True, qk_norm=norms), plain_mlp(s.hidden, s.ffn), bias=True)
    last = (norm("final_norm", s.hidden, bias=True),)
    return decoder(c, s, layer, tied_default=False, last=last, head_bias=True)


def _per_head_norms(s: Sizes) -> Operators:
    """Norms on each head of queries and keys, with weights of their own for each head."""
    return (
        Norm(name="q_norm", width=s.head_dim, copies=s.heads, split=Split.HEADS),
        Norm(name="k_norm", width=s.head_dim, copies=s.kv_heads, split=Split.HEADS),
    )


def _cohere(c: Config) -> Architecture:
    s, bias = usual_sizes(c), c.flag("attention_bias", default=False)
    c.no_effect("hidden_act", "logit_scale")
    norms = _per_head_norms(s) if c.flag("use_qk_norm", default=False) else ()
    layer = parallel(s, attention_of(s, bias=bias, qk_norm=norms), gated_mlp(s.hidden, s.ffn), bias=False)
    return decoder(c, s, layer, tied_default=True)


def _cohere2(c: Config) -> Architecture:
    s, bias = usual_sizes(c), c.flag("attention_bias", default=False)
    pattern = c.size("sliding_window_pattern", default=4)
    c.no_effect("hidden_act", "logit_scale", "rotary_pct", "order_of_interleaved_layers")

    def layer(mask: Mask) -> Operators:
        return parallel(s, attention_of(s, mask, bias=bias), gated_mlp(s.hidden, s.ffn), bias=False)

    masks = layer_masks(c, s.layers, every(pattern), c.size("sliding_window"))
    return decoder(c, s, layer_blocks(masks, layer), tied_default=True)


def _stablelm(c: Config) -> Architecture:
    s = usual_sizes(c, kv_heads_from_heads=False)
    c.no_effect("hidden_act", "partial_rotary_factor", "rope_pct")
    norms = _per_head_norms(s) if c.flag("qk_layernorm", default=False) else ()
    attention = attention_of(s, bias=c.flag("use_qkv_bias", default=False), out_bias=False, qk_norm=norms)
    mlp = gated_mlp(s.hidden, s.ffn)
    if c.flag("use_parallel_residual", default=False):
        layer = parallel(s, attention, mlp, bias=True)
    else:
        layer = pre_norm(s, attention, mlp, bias=True)
    return decoder(c, s, layer, tied_default=False, last=(norm("final_norm", s.hidden, bias=True),))


def _gptj(c: Config) -> Architecture:
    hidden, heads = c.size("n_embd"), c.size("n_head")
    s = Sizes(
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        head_dim=c.divides("n_embd / n_head", hidden, heads, letter="h"),
        ffn=c.size("n_inner", default=4 * hidden),
        vocab=c.size("vocab_size"),
        layers=c.size("n_layer"),
    )
    c.no_effect("activation_function", "rotary_dim", "scale_attn_weights", "rotary")
    attention = attention_of(s, fused=c.model_type == "codegen")
    layer = parallel(s, attention, plain_mlp(hidden, s.ffn), bias=True)
    last = (norm("final_norm", hidden, bias=True),)
    return decoder(c, s, layer, tied_default=False, last=last, head_bias=True)


IMPORTERS = {
    "falcon": _falcon,
    "RefinedWeb": _falcon,
    "RefinedWebModel": _falcon,
    "phi": _phi,
    "cohere": _cohere,
    "cohere2": _cohere2,
    "stablelm": _stablelm,
    "gptj": _gptj,
    "codegen": _gptj,
}
