"""Kimi delta attention beside latent attention without positions: Kimi Linear and Ling 2.6.

References
----------
.. [1] Kimi Team 2025, arXiv:2510.26692 (Kimi Linear).
.. [2] Inclusion AI 2026, https://huggingface.co/inclusionAI (Ling hybrids: a gate for each head of the attention).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import listed_kinds
from mfu_planner.architectures.deepseek import ROUTING, dense_then_sparse, feed_forwards, latent_attention
from mfu_planner.architectures.mixers import causal_convolution, output_gate, product
from mfu_planner.architectures.model import Architecture
from mfu_planner.architectures.sparse_decoders import gated_output, sparse_decoder
from mfu_planner.errors import InputError
from mfu_planner.operators import ChannelDeltaRule, Norm, Operator, Split

Operators = tuple[Operator, ...]
_KINDS = ("linear_attention", "full_attention")


def delta_attention(hidden: int, heads: int, head_dim: int, kernel: int, *, low_rank: bool) -> Operators:
    """Convolved queries, keys and values, a decay for each channel, a step size for each head, an output gate.

    ``low_rank``: decay and gate go through a vector of one head's size.
    """
    width = heads * head_dim

    def read(name: str, outputs: int) -> Operator:
        return product(name, hidden, outputs, Split.COLUMN, reads="mixer_input")

    def through(name: str) -> Operators:
        if not low_rank:
            return (read(f"{name}_proj", width),)
        narrow = product(f"{name}_a_proj", hidden, head_dim, Split.REPLICATED, reads="mixer_input")
        return (narrow, product(f"{name}_b_proj", head_dim, width, Split.COLUMN))

    return (
        *(read(f"{name}_proj", width) for name in "qkv"),
        *causal_convolution(3 * width, kernel, bias=False),
        *through("f"),
        read("b_proj", heads),
        ChannelDeltaRule(
            name="scan", key_heads=heads, value_heads=heads, key_dim=head_dim, value_dim=head_dim, weights=width + heads
        ),
        *through("g"),
        Norm(name="gated_norm", width=head_dim, vectors=heads, split=Split.HEADS),
        output_gate(width),
        product("o_proj", width, hidden, Split.ROW),
    )


def _kimi_linear(c: Config) -> Architecture:
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    linear = c.part("linear_attn_config")
    sizes = (
        linear.size("num_heads", default=c.size("linear_num_heads")),
        linear.size("head_dim", default=c.size("linear_head_dim")),
        linear.size("short_conv_kernel_size", default=c.size("linear_conv_kernel_dim")),
    )
    kinds = listed_kinds(c, "layer_types", layers=layers, known=_KINDS) or _listed(linear, layers)
    kinds = kinds or ["full_attention" if n and n % 4 == 0 else "linear_attention" for n in range(layers)]
    c.no_effect("model_max_length", "moe_renormalize", "num_expert_group", "moe_router_activation_func", "mla_use_nope")
    c.no_effect("head_dim", "use_grouped_topk", "qk_head_dim", *ROUTING)
    c.data = {**c.data, **_renamed(c)}
    mlp_kinds = dense_then_sparse(c, layers, first=1)
    mixers = {
        "linear_attention": delta_attention(hidden, *sizes, low_rank=True),
        "full_attention": latent_attention(c, hidden),
    }
    return sparse_decoder(c, hidden, mixers, kinds, feed_forwards(c, hidden, mlp_kinds), mlp_kinds)


def _renamed(c: Config) -> dict[str, object]:
    """Older names of sizes, as the published files have them."""
    names = {"num_experts_per_token": "num_experts_per_tok", "num_shared_experts": "n_shared_experts"}
    c.no_effect(*names)
    return {new: c.data[old] for old, new in names.items() if old in c.data and new not in c.data}


def _listed(linear: Config, layers: int) -> list[str] | None:
    """The kinds of layers from two lists of layer numbers, which begin with 1."""
    full, delta = linear.raw("full_attn_layers"), linear.raw("kda_layers")
    if full is None or delta is None:
        return None
    numbers = {n: kind for kind, listed in ((_KINDS[1], full), (_KINDS[0], delta)) for n in listed}
    if sorted(numbers) != list(range(1, layers + 1)):
        raise InputError(f"{linear.origin}: kda_layers", sorted(numbers), f"with full_attn_layers: 1 to {layers}")
    return [numbers[n + 1] for n in range(layers)]


def _bailing_hybrid(c: Config) -> Architecture:
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    heads, head_dim = c.size("num_attention_heads"), c.size("head_dim")
    every = c.size("layer_group_size")
    kinds = listed_kinds(c, "layer_types", layers=layers, known=_KINDS)
    kinds = kinds or ["full_attention" if (n + 1) % every == 0 else "linear_attention" for n in range(layers)]
    c.no_effect("model_max_length", "moe_renormalize", "num_expert_group", "kda_safe_gate", "kda_lower_bound")
    c.no_effect("mtp_loss_scaling_factor", "num_key_value_heads", "router_dtype", *ROUTING)
    latent = latent_attention(c, hidden, compressed=False)
    mixers = {
        "linear_attention": delta_attention(hidden, heads, head_dim, c.size("short_conv_kernel_size"), low_rank=False),
        "full_attention": gated_output(hidden, latent, heads, c.size("v_head_dim"), by_head=True),
    }
    mlp_kinds = dense_then_sparse(c, layers)
    mlps = feed_forwards(c, hidden, mlp_kinds)
    return sparse_decoder(c, hidden, mixers, kinds, mlps, mlp_kinds, predicts=True)


IMPORTERS = {"kimi_linear": _kimi_linear, "bailing_hybrid": _bailing_hybrid}
