"""Decoders of the Llama kind with a mixture of experts in every layer: Mixtral and its like.

References
----------
.. [1] Jiang et al. 2024, arXiv:2401.04088 (Mixtral).
.. [2] Abdin et al. 2024, arXiv:2404.14219 (Phi-3.5-MoE: layer norms with biases).
.. [3] Muennighoff et al. 2024, arXiv:2409.02060 (OLMoE: norms over all queries and all keys).
.. [4] Databricks 2024, https://www.databricks.com/blog/introducing-dbrx-new-state-art-open-llm (DBRX).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import (
    attention_heads,
    causal_decoder,
    layer_blocks,
    optional_size,
    pre_norm_layer,
)
from mfu_planner.architectures.defaults import defaults_of
from mfu_planner.architectures.experts import ExpertSizes, expert_sizes, moe
from mfu_planner.architectures.model import Architecture
from mfu_planner.architectures.parts import norm, self_attention
from mfu_planner.errors import InputError
from mfu_planner.operators import CAUSAL, Mask, Norm, Operator, Split, window


def _mixture(
    c: Config,
    *,
    mask: Mask = CAUSAL,
    bias: bool = False,
    norm_bias: bool = False,
    head_bias: bool = False,
    head_dim: bool = True,
    wide_qk_norm: bool = False,
    active: int | None = None,
) -> Architecture:
    """One kind of layer: grouped-query attention, then experts of width ``intermediate_size``."""
    hidden = c.size("hidden_size")
    heads = attention_heads(c, hidden, head_dim=head_dim)
    experts = expert_sizes(c, c.size("intermediate_size"), active=active)
    c.no_effect("hidden_act", "norm_topk_prob", "input_jitter_noise")
    qk_norm: tuple[Operator, ...] = ()
    if wide_qk_norm:
        qk_norm = (
            Norm(name="q_norm", width=heads.heads * heads.head_dim, split=Split.HEADS),
            Norm(name="k_norm", width=heads.kv_heads * heads.head_dim, split=Split.HEADS),
        )
    attention = self_attention(
        hidden=hidden, **heads._asdict(), mask=mask, qkv_bias=bias, out_bias=bias, qk_norm=qk_norm
    )
    layer = pre_norm_layer(hidden, attention, moe(hidden, experts), norm_bias=norm_bias)
    return causal_decoder(
        c,
        hidden,
        layer_blocks(["layer"] * c.size("num_hidden_layers"), {"layer": layer}),
        final_norm=norm("final_norm", hidden, bias=norm_bias),
        head_bias=head_bias,
    )


def _mixtral(c: Config) -> Architecture:
    return _mixture(c, mask=window(optional_size(c, "sliding_window")))


def _phimoe(c: Config) -> Architecture:
    """Its router takes the best expert, then the best of the others: two, whatever the config says."""
    c.no_effect("original_max_position_embeddings", "num_experts_per_tok")
    return _mixture(
        c,
        active=2,
        mask=window(optional_size(c, "sliding_window")),
        bias=c.flag("attention_bias", default=False),
        norm_bias=True,
        head_bias=c.flag("lm_head_bias", default=False),
    )


def _olmoe(c: Config) -> Architecture:
    return _mixture(c, bias=c.flag("attention_bias", default=False), wide_qk_norm=True)


def _granitemoe(c: Config) -> Architecture:
    c.no_effect("embedding_multiplier", "logits_scaling", "residual_multiplier", "attention_multiplier")
    return _mixture(c, bias=c.flag("attention_bias", default=False))


def _dbrx(c: Config) -> Architecture:
    hidden, heads = c.size("d_model", "hidden_size"), c.size("n_heads", "num_attention_heads")
    c.no_effect("max_seq_len", "emb_pdrop")
    attn = c.part("attn_config", defaults_of("dbrx.attn_config"))
    ffn = c.part("ffn_config", defaults_of("dbrx.ffn_config"))
    kv_heads = attn.size("kv_n_heads")
    c.divides("n_heads / attn_config.kv_n_heads", heads, kv_heads)
    attention = self_attention(
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=c.divides("d_model / n_heads", hidden, heads, letter="h"),
        mask=CAUSAL,
        fused=True,
    )
    experts: ExpertSizes = expert_sizes(ffn, ffn.size("ffn_hidden_size"))
    layer = pre_norm_layer(hidden, attention, moe(hidden, experts))
    layers = layer_blocks(["layer"] * c.size("n_layers", "num_hidden_layers"), {"layer": layer})
    if c.flag("tie_word_embeddings", default=False):
        raise InputError(f"{c.origin}: tie_word_embeddings", True, "false: DBRX has a head of its own")
    return causal_decoder(c, hidden, layers, tied=False)


IMPORTERS = {"mixtral": _mixtral, "phimoe": _phimoe, "olmoe": _olmoe, "granitemoe": _granitemoe, "dbrx": _dbrx}
