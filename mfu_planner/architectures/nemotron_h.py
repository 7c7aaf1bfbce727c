"""Nemotron-H and Nemotron 3: each layer is a Mamba-2 mixer, attention, an MLP or a mixture, as a pattern says.

References
----------
.. [1] NVIDIA 2025, arXiv:2504.03624 (Nemotron-H).
.. [2] NVIDIA 2025, Nemotron 3 Nano technical report (mixture of experts without gates, squared ReLU).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import (
    causal_decoder,
    layer_blocks,
    listed_kinds,
    optional_size,
    prediction_module,
)
from mfu_planner.architectures.experts import expert_sizes, moe, reading, without_experts
from mfu_planner.architectures.mixers import mamba2_mixer, state_space
from mfu_planner.architectures.model import Architecture, Block
from mfu_planner.architectures.parts import norm, plain_mlp, residual, self_attention
from mfu_planner.errors import InputError
from mfu_planner.operators import CAUSAL, Operator, Role

_PATTERN = {"M": "linear_attention", "E": "moe", "*": "full_attention", "-": "mlp"}
_NO_EFFECT = (
    "attention_bias",
    "expand",
    "mamba_expand",
    "mamba_dt_init_floor",
    "mamba_dt_limit",
    "mamba_dt_max",
    "mamba_dt_min",
    "mamba_hidden_act",
    "mamba_proj_bias",
    "mamba_ssm_cache_dtype",
    "mlp_hidden_act",
    "moe_shared_expert_overlap",
    "n_group",
    "n_shared_experts",
    "norm_topk_prob",
    "num_logits_to_keep",
    "partial_rotary_factor",
    "rescale_prenorm_residual",
    "residual_in_fp32",
    "routed_scaling_factor",
    "sliding_window",
    "time_step_floor",
    "time_step_limit",
    "time_step_max",
    "time_step_min",
    "time_step_rank",
    "topk_group",
    "use_mamba_kernels",
    "num_query_groups",
)


def _kinds(c: Config, pattern_name: str, *list_names: str, layers: int | None) -> list[str] | None:
    """The kind of each layer, from a list or from a string with one character per layer."""
    listed = listed_kinds(c, *list_names, layers=layers, known=tuple(_PATTERN.values()))
    if not c.has(pattern_name) or listed is not None:
        return listed
    pattern = c.text(pattern_name)
    unknown = next((letter for letter in pattern if letter not in _PATTERN), None)
    if unknown is not None:
        raise InputError(f"{c.origin}: {pattern_name}", unknown, "M (Mamba), E (experts), * (attention) or - (MLP)")
    if layers is not None and len(pattern) != layers:
        raise InputError(f"{c.origin}: {pattern_name}", f"{len(pattern)} layers", f"num_hidden_layers = {layers}")
    return [_PATTERN[letter] for letter in pattern]


def _mamba(c: Config, hidden: int) -> tuple[Operator, ...]:
    sizes = state_space(
        c,
        heads=c.size("mamba_num_heads"),
        head_dim=c.size("mamba_head_dim"),
        groups=c.size("mamba_n_groups", "n_groups"),
        state=c.size("ssm_state_size"),
        kernel=c.size("mamba_d_conv", "conv_kernel"),
        chunk=c.size("mamba_chunk_size", "chunk_size"),
    )
    conv_bias = c.flag("mamba_conv_bias", "use_conv_bias", default=True)
    return mamba2_mixer(hidden, sizes, proj_bias=c.flag("use_bias", default=False), conv_bias=conv_bias)


def _attention(c: Config, hidden: int) -> tuple[Operator, ...]:
    heads = c.size("num_attention_heads")
    kv_heads = c.size("num_key_value_heads", default=heads)
    c.divides("num_attention_heads / num_key_value_heads", heads, kv_heads)
    return self_attention(
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=c.size("head_dim", "attention_head_dim"),
        mask=CAUSAL,
        rotary=False,
    )


def _mlp(c: Config, hidden: int) -> tuple[Operator, ...]:
    return plain_mlp(hidden, c.size("intermediate_size"), bias=c.flag("mlp_bias", default=False))


def _moe(c: Config, hidden: int) -> tuple[Operator, ...]:
    """Experts without gates, in a narrower space where ``moe_latent_size`` says so, and one shared MLP."""
    bias = c.flag("mlp_bias", default=False)
    ffn = c.size("moe_shared_expert_intermediate_size")
    shared = plain_mlp(hidden, ffn, bias=bias, role=Role.SHARED_EXPERT, prefix="shared_expert_")
    return moe(
        hidden,
        expert_sizes(c, c.size("moe_intermediate_size")),
        gated=False,
        shared=reading("mlp_input", shared),
        latent=optional_size(c, "moe_latent_size"),
        latent_bias=bias,
    )


_MIXERS = {"linear_attention": _mamba, "full_attention": _attention, "mlp": _mlp, "moe": _moe}


def _layer(c: Config, hidden: int, kind: str) -> tuple[Operator, ...]:
    return (norm("input_norm", hidden), *_MIXERS[kind](c, hidden), residual("mixer_residual", hidden))


def _nemotron_h(c: Config) -> Architecture:
    hidden = c.size("hidden_size")
    layers = c.size("num_hidden_layers") if c.has("num_hidden_layers") else None
    c.no_effect(*_NO_EFFECT)
    kinds = _kinds(c, "hybrid_override_pattern", "layers_block_type", "layer_types", layers=layers)
    if kinds is None:
        raise InputError(
            f"{c.origin}: hybrid_override_pattern", "nothing", "a pattern such as M-M*, or layers_block_type as a list"
        )
    if "mlp" not in kinds:
        c.no_effect("intermediate_size")
    if "moe" not in kinds:
        without_experts(c)
    operators = {kind: _layer(c, hidden, kind) for kind in dict.fromkeys(kinds)}
    prediction = _prediction(c, hidden, len(kinds))
    model = causal_decoder(c, hidden, layer_blocks(kinds, operators), prediction=prediction, tied=False)
    if c.flag("tie_word_embeddings", default=False):
        return model.with_notes(f"{c.origin}: tie_word_embeddings: the reference implementation never ties this model")
    return model


def _prediction(c: Config, hidden: int, layers: int) -> tuple[Block, ...]:
    count = c.size("num_nextn_predict_layers", default=0, least=0)
    kinds = _kinds(c, "mtp_hybrid_override_pattern", "mtp_layers_block_type", layers=None)
    if not count:
        return ()
    inside = tuple(op for kind in kinds or ["full_attention", "moe"] for op in _layer(c, hidden, kind))
    numbers = tuple(range(layers, layers + count))
    return (Block("prediction", prediction_module(hidden, inside, c.size("vocab_size")), numbers),)


IMPORTERS = {"nemotron_h": _nemotron_h}
