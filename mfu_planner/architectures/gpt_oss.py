"""gpt-oss: sliding and full attention in turn with a learned sink per head, biased experts.

References
----------
.. [1] OpenAI 2025, arXiv:2508.10925 (gpt-oss-120b and gpt-oss-20b model card).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import (
    Heads,
    attention_heads,
    causal_decoder,
    layer_blocks,
    listed_kinds,
    optional_size,
    pre_norm_layer,
)
from mfu_planner.architectures.experts import expert_sizes, moe
from mfu_planner.architectures.model import Architecture
from mfu_planner.architectures.parts import self_attention
from mfu_planner.operators import CAUSAL, Elementwise, Mask, Operator, Role, Split, window


def _attention(hidden: int, heads: Heads, mask: Mask, *, bias: bool) -> tuple[Operator, ...]:
    sinks = Elementwise(name="sinks", width=heads.heads, weights=heads.heads, role=Role.ATTENTION, split=Split.HEADS)
    return (sinks, *self_attention(hidden=hidden, **heads._asdict(), mask=mask, qkv_bias=bias, out_bias=bias))


def _gpt_oss(c: Config) -> Architecture:
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    heads = attention_heads(c, hidden)
    bias = c.flag("attention_bias", default=True)
    c.no_effect("hidden_act", "swiglu_limit", "swiglu_alpha", "initial_context_length", "experts_per_token")
    experts = expert_sizes(c, c.size("intermediate_size"))
    masks = {"sliding_attention": window(optional_size(c, "sliding_window")), "full_attention": CAUSAL}
    kinds = listed_kinds(c, "layer_types", layers=layers, known=tuple(masks)) or [
        "full_attention" if n % 2 else "sliding_attention" for n in range(layers)
    ]
    operators = {
        kind: pre_norm_layer(
            hidden, _attention(hidden, heads, mask, bias=bias), moe(hidden, experts, bias=True, router_bias=True)
        )
        for kind, mask in masks.items()
    }
    return causal_decoder(c, hidden, layer_blocks(kinds, operators))


IMPORTERS = {"gpt_oss": _gpt_oss}
