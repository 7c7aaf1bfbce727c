"""The Llama kind: pre-norm, grouped-query attention with rotary positions, a gated MLP.

References
----------
.. [1] Touvron et al. 2023, arXiv:2302.13971 (Llama); Grattafiori et al. 2024, arXiv:2407.21783 (Llama 3).
.. [2] Jiang et al. 2023, arXiv:2310.06825 (Mistral: sliding window).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import causal_decoder
from mfu_planner.architectures.dense import window_size
from mfu_planner.architectures.model import Architecture, Block, layer_numbers
from mfu_planner.architectures.parts import gated_mlp, norm, residual, self_attention
from mfu_planner.operators import CAUSAL, Mask, window


def llama_like(c: Config, *, qkv_bias: bool = False, out_bias: bool = False, mask: Mask = CAUSAL) -> Architecture:
    """A decoder of the Llama kind from its config."""
    hidden, heads = c.size("hidden_size"), c.size("num_attention_heads")
    kv_heads = c.size("num_key_value_heads", default=heads)
    head_dim = c.size("head_dim") if c.has("head_dim") else c.divides("hidden_size by heads", hidden, heads, letter="h")
    c.divides("num_attention_heads / num_key_value_heads", heads, kv_heads)
    ffn = c.size("intermediate_size")
    mlp_bias = c.flag("mlp_bias", default=False)
    c.no_effect("hidden_act")
    layer = (
        norm("input_norm", hidden),
        *self_attention(
            hidden=hidden,
            heads=heads,
            kv_heads=kv_heads,
            head_dim=head_dim,
            mask=mask,
            qkv_bias=qkv_bias,
            out_bias=out_bias,
        ),
        residual("attention_residual", hidden),
        norm("post_attention_norm", hidden),
        *gated_mlp(hidden, ffn, bias=mlp_bias),
        residual("mlp_residual", hidden),
    )
    layers = Block("layer", layer, layer_numbers(c.size("num_hidden_layers")))
    return causal_decoder(c, hidden, (layers,))


def _llama(c: Config) -> Architecture:
    bias = c.flag("attention_bias", default=False)
    return llama_like(c, qkv_bias=bias, out_bias=bias)


def _mistral(c: Config) -> Architecture:
    return llama_like(c, mask=window(window_size(c)))


def _own_head_size(c: Config) -> None:
    """A ``head_dim`` that is left out has the type's default; null means hidden / heads."""
    if "head_dim" not in c.data:
        c.data = {**c.data, "head_dim": c.size("head_dim")}


def _ministral3(c: Config) -> Architecture:
    _own_head_size(c)
    return _mistral(c)


def _internlm3(c: Config) -> Architecture:
    _own_head_size(c)
    qkv = c.flag("qkv_bias", "attention_bias", default=False)
    c.data = {**c.data, "mlp_bias": c.flag("bias", "mlp_bias", default=False)}
    return llama_like(c, qkv_bias=qkv, out_bias=qkv)


IMPORTERS = {"llama": _llama, "mistral": _mistral, "ministral3": _ministral3, "internlm3": _internlm3}
