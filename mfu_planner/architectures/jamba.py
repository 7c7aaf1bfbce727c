"""Jamba: one attention layer among several Mamba layers, experts in every other layer.

References
----------
.. [1] Lieber et al. 2024, arXiv:2403.19887; Jamba team 2024, arXiv:2408.12570 (Jamba-1.5).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import attention_heads, causal_decoder, layer_blocks, pre_norm_layer
from mfu_planner.architectures.experts import expert_sizes, moe, without_experts
from mfu_planner.architectures.mixers import expanded, mamba_mixer, step_rank
from mfu_planner.architectures.model import Architecture
from mfu_planner.architectures.parts import gated_mlp, self_attention
from mfu_planner.errors import InputError
from mfu_planner.operators import CAUSAL, Operator


def _every(c: Config, what: str, layers: int) -> list[bool]:
    """Which layers have ``what``: one in ``what_layer_period``, the first at ``what_layer_offset``."""
    period, offset = c.size(f"{what}_layer_period"), c.size(f"{what}_layer_offset", least=0)
    if offset >= period:
        raise InputError(f"{c.origin}: {what}_layer_offset", offset, f"less than {what}_layer_period = {period}")
    return [n % period == offset for n in range(layers)]


def _mixers(c: Config, hidden: int) -> dict[str, tuple[Operator, ...]]:
    heads = attention_heads(c, hidden, head_dim=False)
    return {
        "attention": self_attention(hidden=hidden, **heads._asdict(), mask=CAUSAL, rotary=False),
        "mamba": mamba_mixer(
            hidden,
            expanded(c, hidden, "mamba_expand"),
            state=c.size("mamba_d_state"),
            rank=step_rank(c, hidden, "mamba_dt_rank"),
            kernel=c.size("mamba_d_conv"),
            proj_bias=c.flag("mamba_proj_bias", default=False),
            conv_bias=c.flag("mamba_conv_bias", default=True),
            inner_norms=True,
        ),
    }


def _sparse(c: Config, hidden: int, ffn: int) -> tuple[Operator, ...]:
    """A mixture; one expert is a plain MLP without a router."""
    if c.size("num_experts", "num_local_experts") > 1:
        return moe(hidden, expert_sizes(c, ffn))
    without_experts(c)
    return gated_mlp(hidden, ffn)


def _jamba(c: Config) -> Architecture:
    hidden, layers, ffn = c.size("hidden_size"), c.size("num_hidden_layers"), c.size("intermediate_size")
    c.no_effect(
        "hidden_act",
        "num_logits_to_keep",
        "sliding_window",
        "use_mamba_kernels",
        "use_mambapy",
        "use_associative_scan",
        "mamba_inner_layernorms",
        "n_ctx",
    )
    mixers = _mixers(c, hidden)
    feed_forwards = {"dense": gated_mlp(hidden, ffn), "sparse": _sparse(c, hidden, ffn)}
    kinds = [
        f"{'attention' if attends else 'mamba'} {'sparse' if has_experts else 'dense'}"
        for attends, has_experts in zip(_every(c, "attn", layers), _every(c, "expert", layers), strict=True)
    ]
    operators = {
        f"{mixer} {mlp}": pre_norm_layer(hidden, mixers[mixer], feed_forwards[mlp])
        for mixer in mixers
        for mlp in feed_forwards
    }
    return causal_decoder(c, hidden, layer_blocks(kinds, operators))


IMPORTERS = {"jamba": _jamba}
