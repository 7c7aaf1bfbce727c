"""GLM-4.5: a mixture with dense first layers.

References
----------
.. [1] GLM-4.5 Team 2025, arXiv:2508.06471 (GLM-4.5: norms on queries and keys in the large one, a shared expert).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import attention_heads, causal_decoder, head_norms, layer_blocks, pre_norm_layer
from mfu_planner.architectures.deepseek import feed_forwards, prediction_blocks, sparse_from
from mfu_planner.architectures.model import Architecture
from mfu_planner.architectures.parts import self_attention
from mfu_planner.operators import CAUSAL


def glm4_moe(c: Config) -> Architecture:
    """GLM-4.5 and 4.6."""
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    heads = attention_heads(c, hidden)
    c.no_effect("partial_rotary_factor")
    attention = self_attention(
        hidden=hidden,
        **heads._asdict(),
        mask=CAUSAL,
        qkv_bias=c.flag("attention_bias", default=False),
        qk_norm=head_norms(heads) if c.flag("use_qk_norm", default=False) else (),
    )
    kinds = sparse_from(c, layers)
    operators = {name: pre_norm_layer(hidden, attention, mlp) for name, mlp in feed_forwards(c, hidden, kinds).items()}
    return causal_decoder(
        c, hidden, layer_blocks(kinds, operators), prediction=prediction_blocks(c, hidden, operators[kinds[-1]], layers)
    )


IMPORTERS = {"glm4_moe": glm4_moe, "glm4v_moe_text": glm4_moe}
