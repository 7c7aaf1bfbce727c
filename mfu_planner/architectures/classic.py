"""Decoders in the line of GPT-3: plain MLPs, layer norms, learned or linear-bias positions.

References
----------
.. [1] Zhang et al. 2022, arXiv:2205.01068 (OPT).
.. [2] BigScience 2022, arXiv:2211.05100 (BLOOM: ALiBi, a norm on the embedding).
.. [3] MosaicML 2023 (MPT); Press et al. 2022, arXiv:2108.12409 (ALiBi).
.. [4] Li et al. 2023, arXiv:2305.06161 (StarCoder: multi-query); Lozhkov et al. 2024, arXiv:2402.19173 (StarCoder2).
.. [5] Parmar et al. 2024, arXiv:2402.16819 (Nemotron-4: squared ReLU).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.dense import decoder, usual_sizes, window_size
from mfu_planner.architectures.layers import Operators, Sizes, attention_of, post_norm, pre_norm
from mfu_planner.architectures.model import Architecture
from mfu_planner.architectures.parts import norm, plain_mlp, positions
from mfu_planner.errors import InputError
from mfu_planner.operators import MatMul, Norm, Operator, Role, Split, window

_OPT_POSITION_OFFSET = 2
"""Rows that OPT's position table has before its first position."""


_MPT_EXPANSION = 4
"""MLP width over hidden width of every MPT that transformers builds."""


def _opt(c: Config) -> Architecture:
    hidden, heads = c.size("hidden_size"), c.size("num_attention_heads")
    s = Sizes(
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        ffn=c.size("ffn_dim"),
        vocab=c.size("vocab_size"),
        head_dim=c.divides("hidden_size / num_attention_heads", hidden, heads, letter="h"),
        layers=c.size("num_hidden_layers"),
    )
    bias, weight = c.flag("enable_bias", default=True), c.flag("layer_norm_elementwise_affine", default=True)
    before = c.flag("do_layer_norm_before", default=True)
    width = c.size("word_embed_proj_dim") if c.has("word_embed_proj_dim") else hidden
    c.no_effect("activation_function", "init_std")
    attention, mlp = attention_of(s, bias=bias, rotary=False), plain_mlp(hidden, s.ffn, bias=bias)
    layer = pre_norm(s, attention, mlp, bias=True) if before else post_norm(s, attention, mlp, bias=True)
    last: Operators = ()
    if before and not c.flag("_remove_final_layer_norm", default=False):
        last = (norm("final_norm", hidden, bias=True),)
    first: Operators = (positions(c.size("max_position_embeddings") + _OPT_POSITION_OFFSET, hidden),)
    if width != hidden:
        first = (_project("project_in", width, hidden), *first)
        last = (*last, _project("project_out", hidden, width))
    if not weight:
        layer, last = _bare_norms(layer), _bare_norms(last)
    return decoder(c, s, layer, tied_default=True, first=first, last=last, embedding_width=width)


def _project(name: str, inputs: int, outputs: int) -> MatMul:
    return MatMul(name=name, inputs=inputs, outputs=outputs, role=Role.OTHER, split=Split.REPLICATED)


def _bare_norms(operators: Operators) -> Operators:
    """The same operators, their norms without weights and biases."""

    def bare(op: Operator) -> Operator:
        return Norm(name=op.name, width=op.width, weight=False, rows=op.rows) if isinstance(op, Norm) else op

    return tuple(bare(op) for op in operators)


def _bloom(c: Config) -> Architecture:
    hidden, heads = c.size("hidden_size", "n_embed"), c.size("n_head", "num_attention_heads")
    s = Sizes(
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        ffn=4 * hidden,
        vocab=c.size("vocab_size"),
        head_dim=c.divides("hidden_size / n_head", hidden, heads, letter="h"),
        layers=c.size("n_layer", "num_hidden_layers"),
    )
    c.no_effect(
        "apply_residual_connection_post_layernorm",
        "slow_but_exact",
        "offset_alibi",
        "seq_length",
        "n_inner",
        "bias_dropout_fusion",
        "masked_softmax_fusion",
        "skip_bias_add",
        "skip_bias_add_qkv",
        "num_attention_heads",
    )
    layer = pre_norm(s, attention_of(s, bias=True, fused=True, rotary=False), plain_mlp(hidden, s.ffn), bias=True)
    return decoder(
        c,
        s,
        layer,
        tied_default=True,
        first=(norm("embedding_norm", hidden, bias=True),),
        last=(norm("final_norm", hidden, bias=True),),
    )


def _mpt(c: Config) -> Architecture:
    hidden, heads = c.size("d_model"), c.size("n_heads")
    attn = c.part("attn_config")
    if attn.text("attn_type", default="multihead_attention") != "multihead_attention":
        raise InputError(f"{attn.origin}: attn_type", attn.data["attn_type"], "multihead_attention")
    if attn.flag("qk_ln", default=False):
        raise InputError(f"{attn.origin}: qk_ln", True, "false: norms on queries and keys are not counted")
    notes = []
    if not c.flag("no_bias", default=True):
        notes.append(f"{c.origin}: no_bias is false, and transformers builds MPT without biases all the same")
    if c.size("expansion_ratio", default=_MPT_EXPANSION) != _MPT_EXPANSION:
        notes.append(f"{c.origin}: expansion_ratio: transformers builds MPT with {_MPT_EXPANSION} all the same")
    attn.no_effect(
        "alibi", "alibi_bias_max", "attn_impl", "attn_uses_sequence_id", "prefix_lm", "softmax_scale", "attn_type"
    )
    c.no_effect(
        "learned_pos_emb",
        "max_seq_len",
        "logit_scale",
        "norm_type",
        "init_device",
        "embedding_fraction",
        "verbose",
        "emb_pdrop",
        "init_config",
        "tokenizer_name",
    )
    s = Sizes(
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        head_dim=c.divides("d_model / n_heads", hidden, heads, letter="h"),
        ffn=_MPT_EXPANSION * hidden,
        vocab=c.size("vocab_size"),
        layers=c.size("n_layers"),
    )
    layer = pre_norm(s, attention_of(s, fused=True, rotary=False), plain_mlp(hidden, s.ffn, bias=False))
    return decoder(c, s, layer, tied_default=True).with_notes(*notes)


def _gpt_bigcode(c: Config) -> Architecture:
    hidden, heads = c.size("n_embd", "hidden_size"), c.size("n_head", "num_attention_heads")
    s = Sizes(
        hidden=hidden,
        heads=heads,
        kv_heads=1 if c.flag("multi_query", default=True) else heads,
        head_dim=c.divides("n_embd / n_head", hidden, heads, letter="h"),
        vocab=c.size("vocab_size"),
        ffn=c.size("n_inner", default=4 * hidden),
        layers=c.size("n_layer", "num_hidden_layers"),
    )
    c.no_effect(
        "activation_function",
        "scale_attention_softmax_in_fp32",
        "attention_softmax_in_fp32",
        "inference_runner",
        "max_batch_size",
        "max_sequence_length",
        "pad_key_length",
        "pre_allocate_kv_cache",
        "validate_runner_input",
    )
    layer = pre_norm(s, attention_of(s, bias=True, fused=True, rotary=False), plain_mlp(hidden, s.ffn), bias=True)
    return decoder(
        c,
        s,
        layer,
        tied_default=True,
        first=(positions(c.size("n_positions", "max_position_embeddings"), hidden),),
        last=(norm("final_norm", hidden, bias=True),),
    )


def _starcoder2(c: Config) -> Architecture:
    s, bias = usual_sizes(c, kv_heads_from_heads=False), c.flag("use_bias", default=True)
    c.no_effect("hidden_act", "embedding_dropout", "residual_dropout", "norm_type", "mlp_type", "max_window_layers")
    attention = attention_of(s, window(window_size(c)), bias=bias)
    layer = pre_norm(s, attention, plain_mlp(s.hidden, s.ffn, bias=bias), bias=True)
    return decoder(c, s, layer, tied_default=True, last=(norm("final_norm", s.hidden, bias=True),))


def _nemotron(c: Config) -> Architecture:
    s = usual_sizes(c)
    c.no_effect("hidden_act", "partial_rotary_factor")
    attention = attention_of(s, bias=c.flag("attention_bias", default=False))
    layer = pre_norm(s, attention, plain_mlp(s.hidden, s.ffn, bias=c.flag("mlp_bias", default=False)), bias=True)
    return decoder(c, s, layer, tied_default=False, last=(norm("final_norm", s.hidden, bias=True),))


IMPORTERS = {
    "opt": _opt,
    "bloom": _bloom,
    "mpt": _mpt,
    "gpt_bigcode": _gpt_bigcode,
    "starcoder2": _starcoder2,
    "nemotron": _nemotron,
}
