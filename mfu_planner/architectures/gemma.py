"""Gemma 2 and 3: local and global layers, norms before and behind each branch, heads apart from the width.

References
----------
.. [1] Gemma Team 2024, arXiv:2408.00118 (Gemma 2: alternating local and global layers).
.. [2] Gemma Team 2025, arXiv:2503.19786 (Gemma 3: five local layers for each global one, norms on q and k).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.dense import decoder, every, layer_blocks, layer_masks, usual_sizes
from mfu_planner.architectures.layers import Operators, attention_of, head_norms, pre_norm
from mfu_planner.architectures.model import Architecture
from mfu_planner.architectures.parts import gated_mlp
from mfu_planner.errors import InputError
from mfu_planner.operators import Mask


def _gemma_local_global(c: Config, pattern: int, *, qk_norm: bool) -> Architecture:
    s = usual_sizes(c, head_dim_apart=True, kv_heads_from_heads=False)
    bias = c.flag("attention_bias", default=False)
    if c.raw("use_bidirectional_attention"):
        raise InputError(f"{c.origin}: use_bidirectional_attention", True, "false: a decoder with a causal mask")
    c.no_effect(
        "hidden_act",
        "hidden_activation",
        "query_pre_attn_scalar",
        "attn_logit_softcapping",
        "final_logit_softcapping",
        "sliding_window_size",
        "_sliding_window_pattern",
        "use_bidirectional_attention",
    )

    def layer(mask: Mask) -> Operators:
        norms = head_norms(s) if qk_norm else ()
        return pre_norm(s, attention_of(s, mask, bias=bias, qk_norm=norms), gated_mlp(s.hidden, s.ffn), after=True)

    masks = layer_masks(c, s.layers, every(pattern), c.size("sliding_window"))
    return decoder(c, s, layer_blocks(masks, layer), tied_default=True)


def _gemma2(c: Config) -> Architecture:
    return _gemma_local_global(c, 2, qk_norm=False)


def gemma3_text(c: Config) -> Architecture:
    """The text decoder of Gemma 3."""
    return _gemma_local_global(c, c.size("sliding_window_pattern", default=6), qk_norm=True)


IMPORTERS = {"gemma2": _gemma2, "gemma3_text": gemma3_text}
