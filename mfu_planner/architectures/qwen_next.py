"""Qwen3-Next: three gated-delta-rule layers for each layer of gated attention, many small experts and a shared one.

References
----------
.. [1] Qwen Team 2025, https://qwen.ai/blog?id=qwen3-next; Yang, Kautz and Hatamizadeh 2024, arXiv:2412.06464.
"""

from __future__ import annotations

from dataclasses import replace

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import (
    Heads,
    attention_heads,
    causal_decoder,
    head_norms,
    layer_blocks,
    listed_kinds,
    pre_norm_layer,
)
from mfu_planner.architectures.deepseek import prediction_blocks
from mfu_planner.architectures.mixers import delta_mixer
from mfu_planner.architectures.model import Architecture
from mfu_planner.architectures.parts import self_attention
from mfu_planner.architectures.qwen_moe import is_sparse, qwen_feed_forwards
from mfu_planner.operators import CAUSAL, Elementwise, MatMul, Operator, Role, Split

_KINDS = ("linear_attention", "full_attention")


def gated_attention(hidden: int, heads: Heads, *, bias: bool) -> tuple[Operator, ...]:
    """Attention whose output is scaled by a sigmoid gate; the query projection makes the gate too."""
    operators: list[Operator] = []
    width = heads.heads * heads.head_dim
    for operator in self_attention(
        hidden=hidden, **heads._asdict(), mask=CAUSAL, qkv_bias=bias, out_bias=bias, qk_norm=head_norms(heads)
    ):
        if operator.name == "o_proj":
            operators.append(
                Elementwise(name="attention_gate", width=width, read=2, kept=2, split=Split.HEADS, role=Role.ATTENTION)
            )
        wide = isinstance(operator, MatMul) and operator.name == "q_proj"
        operators.append(replace(operator, outputs=2 * width) if wide else operator)  # type: ignore[call-arg]
    return tuple(operators)


def _qwen3_next(c: Config) -> Architecture:
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    heads = attention_heads(c, hidden)
    c.no_effect("partial_rotary_factor", "sliding_window", "use_sliding_window")
    key_heads, value_heads = c.size("linear_num_key_heads"), c.size("linear_num_value_heads")
    c.divides("linear_num_value_heads / linear_num_key_heads", value_heads, key_heads)
    mixers = {
        "linear_attention": delta_mixer(
            hidden,
            key_heads=key_heads,
            value_heads=value_heads,
            key_dim=c.size("linear_key_head_dim"),
            value_dim=c.size("linear_value_head_dim"),
            kernel=c.size("linear_conv_kernel_dim"),
        ),
        "full_attention": gated_attention(hidden, heads, bias=c.flag("attention_bias", default=False)),
    }
    interval = c.size("full_attention_interval", default=4)
    kinds = listed_kinds(c, "layer_types", layers=layers, known=_KINDS) or [
        _KINDS[(n + 1) % interval == 0] for n in range(layers)
    ]
    sparse = is_sparse(c, layers)
    mlps = qwen_feed_forwards(c, hidden, sparse, shared=True)
    names = [f"{kind} {'sparse' if s else 'dense'}" for kind, s in zip(kinds, sparse, strict=True)]
    operators = {
        f"{kind} {mlp}": pre_norm_layer(hidden, mixer, mlps[mlp]) for kind, mixer in mixers.items() for mlp in mlps
    }
    ahead = pre_norm_layer(hidden, mixers["full_attention"], mlps["sparse" if sparse[-1] else "dense"])
    prediction = prediction_blocks(c, hidden, ahead, layers, unstated=1)
    return causal_decoder(c, hidden, layer_blocks(names, operators), prediction=prediction)


IMPORTERS = {"qwen3_next": _qwen3_next}
