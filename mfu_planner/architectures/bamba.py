"""Mamba-2 and attention with an MLP in every layer: Bamba, Granite 4 (with experts), Falcon-H1 (side by side).

References
----------
.. [1] IBM, Princeton, CMU and UIUC 2024, https://huggingface.co/blog/bamba (Bamba).
.. [2] IBM 2025, https://huggingface.co/ibm-granite/granite-4.0-h-small (Granite 4 hybrid).
.. [3] Falcon LLM team 2025, arXiv:2507.22448 (Falcon-H1: attention and state space side by side).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import (
    Heads,
    attention_heads,
    causal_decoder,
    index_list,
    layer_blocks,
    listed_kinds,
    optional_size,
    pre_norm_layer,
)
from mfu_planner.architectures.experts import expert_sizes, moe, reading, shared_expert, without_experts
from mfu_planner.architectures.mixers import StateSpace, expanded, mamba2_mixer, state_space
from mfu_planner.architectures.model import Architecture
from mfu_planner.architectures.parts import gated_mlp, norm, residual, self_attention
from mfu_planner.errors import InputError
from mfu_planner.operators import CAUSAL, Operator

_KINDS = ("linear_attention", "full_attention")
_NO_EFFECT = (
    "hidden_act",
    "num_logits_to_keep",
    "partial_rotary_factor",
    "attn_rotary_emb",
    "time_step_floor",
    "time_step_limit",
    "time_step_max",
    "time_step_min",
    "time_step_rank",
    "use_mamba_kernels",
    "z_loss_coefficient",
    "attention_multiplier",
    "embedding_multiplier",
    "logits_scaling",
    "residual_multiplier",
    "position_embedding_type",
    "init_method",
    "normalization_function",
    "key_multiplier",
    "attention_in_multiplier",
    "attention_out_multiplier",
    "lm_head_multiplier",
    "mlp_multipliers",
    "mlp_expansion_factor",
    "ssm_in_multiplier",
    "ssm_multipliers",
    "ssm_out_multiplier",
    "mamba_norm_before_gate",
    "mamba_use_mlp",
    "time_step_init_scheme",
)


def _state_space(c: Config, hidden: int, inner: int | None = None) -> StateSpace:
    inner = inner or expanded(c, hidden, "mamba_expand")
    heads = c.size("mamba_n_heads")
    head_dim = c.divides("mamba inner width / mamba_n_heads", inner, heads, letter="h_m")
    stated = c.raw("mamba_d_head", "auto")
    if stated not in ("auto", head_dim):
        raise InputError(f"{c.origin}: mamba_d_head", stated, f"inner width / mamba_n_heads = {head_dim}")
    return state_space(
        c,
        heads=heads,
        head_dim=head_dim,
        groups=c.size("mamba_n_groups"),
        state=c.size("mamba_d_state"),
        kernel=c.size("mamba_d_conv"),
        chunk=c.size("mamba_chunk_size"),
    )


def _attention(hidden: int, heads: Heads, *, bias: bool) -> tuple[Operator, ...]:
    return self_attention(hidden=hidden, **heads._asdict(), mask=CAUSAL, qkv_bias=bias, out_bias=bias)


def _alternating(c: Config, kinds: list[str], feed_forward: tuple[Operator, ...], hidden: int) -> Architecture:
    """Layers with one mixer each, a Mamba-2 mixer or attention, all with the same kind of MLP."""
    c.no_effect(*_NO_EFFECT)
    mixers = {
        "linear_attention": mamba2_mixer(
            hidden,
            _state_space(c, hidden),
            proj_bias=c.flag("mamba_proj_bias", default=False),
            conv_bias=c.flag("mamba_conv_bias", default=True),
        ),
        "full_attention": _attention(hidden, attention_heads(c, hidden), bias=c.flag("attention_bias", default=False)),
    }
    operators = {kind: pre_norm_layer(hidden, mixers[kind], feed_forward) for kind in mixers}
    return causal_decoder(c, hidden, layer_blocks(kinds, operators))


def _bamba(c: Config) -> Architecture:
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    attends = index_list(c, "attn_layer_indices") or frozenset()
    c.no_effect("layer_types", "layers_block_type")
    mlp = gated_mlp(hidden, c.size("intermediate_size"), bias=c.flag("mlp_bias", default=False))
    return _alternating(c, [_KINDS[n in attends] for n in range(layers)], mlp, hidden)


def _granite_hybrid(c: Config) -> Architecture:
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    kinds = listed_kinds(c, "layer_types", "layers_block_type", layers=layers, known=_KINDS)
    always = shared_expert(hidden, c.size("shared_intermediate_size"))
    if c.size("num_local_experts", "num_experts", least=0):
        feed_forward = moe(hidden, expert_sizes(c, c.size("intermediate_size")), shared=always)
    else:
        without_experts(c)
        c.no_effect("intermediate_size")
        feed_forward = always
    return _alternating(c, kinds or ["linear_attention"] * layers, feed_forward, hidden)


def _falcon_h1(c: Config) -> Architecture:
    hidden = c.size("hidden_size")
    c.no_effect(*_NO_EFFECT)
    mixer = mamba2_mixer(
        hidden,
        _state_space(c, hidden, optional_size(c, "mamba_d_ssm")),
        proj_bias=c.flag("mamba_proj_bias", default=False),
        conv_bias=c.flag("mamba_conv_bias", default=True),
        out_bias=c.flag("projectors_bias", default=False),
        gated_norm=c.flag("mamba_rms_norm", default=False),
    )
    c.no_effect("mamba_expand")
    layer = (
        norm("input_norm", hidden),
        *reading("attention_input", mixer),
        *_attention(hidden, attention_heads(c, hidden), bias=c.flag("attention_bias", default=False)),
        residual("attention_residual", hidden),
        norm("post_attention_norm", hidden),
        *gated_mlp(hidden, c.size("intermediate_size"), bias=c.flag("mlp_bias", default=False)),
        residual("mlp_residual", hidden),
    )
    return causal_decoder(c, hidden, layer_blocks(["layer"] * c.size("num_hidden_layers"), {"layer": layer}))


IMPORTERS = {"bamba": _bamba, "granitemoehybrid": _granite_hybrid, "falcon_h1": _falcon_h1}
