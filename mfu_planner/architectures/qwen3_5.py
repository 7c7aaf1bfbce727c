"""Qwen3.5 (text): three gated-delta-rule layers for each layer of gated attention, dense or with small experts.

References
----------
.. [1] Qwen Team 2026, https://huggingface.co/Qwen/Qwen3.5-27B; Yang, Kautz and Hatamizadeh 2024, arXiv:2412.06464.
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import attention_heads, listed_kinds
from mfu_planner.architectures.mixers import delta_mixer
from mfu_planner.architectures.model import Architecture
from mfu_planner.architectures.parts import gated_mlp
from mfu_planner.architectures.qwen_moe import qwen_feed_forwards
from mfu_planner.architectures.qwen_next import gated_attention
from mfu_planner.architectures.sparse_decoders import sparse_decoder

_KINDS = ("linear_attention", "full_attention")


def qwen3_5_text(c: Config) -> Architecture:
    """The text decoder, alone or inside the model that sees."""
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    key_heads, value_heads = c.size("linear_num_key_heads"), c.size("linear_num_value_heads")
    c.divides("linear_num_value_heads / linear_num_key_heads", value_heads, key_heads)
    c.no_effect(
        "hidden_act",
        "partial_rotary_factor",
        "mamba_ssm_dtype",
        "mlp_only_layers",
        "attn_output_gate",
        "mtp_use_dedicated_embeddings",
    )
    mixers = {
        "linear_attention": delta_mixer(
            hidden,
            key_heads=key_heads,
            value_heads=value_heads,
            key_dim=c.size("linear_key_head_dim"),
            value_dim=c.size("linear_value_head_dim"),
            kernel=c.size("linear_conv_kernel_dim"),
            fused=False,
        ),
        "full_attention": gated_attention(
            hidden, attention_heads(c, hidden), bias=c.flag("attention_bias", default=False)
        ),
    }
    interval = c.size("full_attention_interval", default=4)
    kinds = listed_kinds(c, "layer_types", layers=layers, known=_KINDS)
    kinds = kinds or [_KINDS[(n + 1) % interval == 0] for n in range(layers)]
    if "moe" in c.model_type:
        mlps = qwen_feed_forwards(c, hidden, [True], shared=True)
    else:
        mlps = {"dense": gated_mlp(hidden, c.size("intermediate_size"))}
    (mlp,) = mlps
    return sparse_decoder(c, hidden, mixers, kinds, mlps, [mlp] * layers, predicts=True, ahead="full_attention")


IMPORTERS = {"qwen3_5_text": qwen3_5_text, "qwen3_5_moe_text": qwen3_5_text}
