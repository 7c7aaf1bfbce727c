"""DeepSeek: attention over low-rank latents (MLA), dense first layers, fine-grained and shared experts.

References
----------
.. [1] DeepSeek-AI 2024, arXiv:2405.04434 (DeepSeek-V2: multi-head latent attention).
.. [2] DeepSeek-AI 2024, arXiv:2412.19437 (DeepSeek-V3: multi-token prediction).
.. [3] Kimi Team 2025, arXiv:2507.20534 (Kimi K2, the DeepSeek-V3 architecture).
"""

from __future__ import annotations

from typing import Any

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import (
    causal_decoder,
    layer_blocks,
    listed_kinds,
    optional_size,
    pre_norm_layer,
    prediction_module,
)
from mfu_planner.architectures.experts import expert_sizes, moe, shared_expert, without_experts
from mfu_planner.architectures.model import Architecture, Block
from mfu_planner.architectures.parts import gated_mlp
from mfu_planner.errors import InputError
from mfu_planner.operators import CAUSAL, Attention, Elementwise, Mask, MatMul, Norm, Operator, Role, Split

ROUTING = (
    "hidden_act", "norm_topk_prob", "n_group", "topk_group", "topk_method", "scoring_func", "routed_scaling_factor",
    "aux_loss_alpha", "seq_aux", "ep_size",
)  # fmt: skip
"""Keys about how tokens choose their experts, which change no size."""


def latent_attention(
    c: Config,
    hidden: int,
    *,
    mask: Mask = CAUSAL,
    selection: tuple[Operator, ...] = (),
    compressed: bool | None = None,
    v_head_dim: int | None = None,
) -> tuple[Operator, ...]:
    """Multi-head latent attention in its training form: keys and values are expanded for every head [1]_.

    One rotary key part is shared by all heads; ``q_lora_rank`` null means that queries are not compressed.
    ``mask`` and ``selection``: which keys a query sees and what chooses them, where the attention is sparse.
    ``compressed``: whether queries are, where the type leaves no choice.  ``v_head_dim``: where it is left out.
    """
    heads, bias = c.size("num_attention_heads"), c.flag("attention_bias", default=False)
    unstated: dict[str, Any] = {} if v_head_dim is None else {"default": v_head_dim}
    nope, rope, v_dim = c.size("qk_nope_head_dim"), c.size("qk_rope_head_dim"), c.size("v_head_dim", **unstated)
    q_rank = None if compressed is False else optional_size(c, "q_lora_rank", needed=True)
    kv_rank = c.size("kv_lora_rank")
    if compressed and not q_rank:
        raise InputError(f"{c.origin}: q_lora_rank", None, "a rank: queries are always compressed in this type")
    qk_dim = nope + rope
    c.no_effect("num_key_value_heads", "head_dim", "qk_head_dim", "rope_interleave")

    def product(name: str, inputs: int, outputs: int, split: Split, *, bias: bool = False, reads: str = "") -> MatMul:
        return MatMul(
            name=name, inputs=inputs, outputs=outputs, bias=bias, role=Role.ATTENTION, split=split, reads=reads
        )

    query: tuple[Operator, ...] = (product("q_proj", hidden, heads * qk_dim, Split.COLUMN, reads="attention_input"),)
    if q_rank:
        query = (
            product("q_a_proj", hidden, q_rank, Split.REPLICATED, bias=bias, reads="attention_input"),
            Norm(name="q_a_norm", width=q_rank),
            product("q_b_proj", q_rank, heads * qk_dim, Split.COLUMN),
        )
    return (
        *query,
        product("kv_a_proj", hidden, kv_rank + rope, Split.REPLICATED, bias=bias, reads="attention_input"),
        Norm(name="kv_a_norm", width=kv_rank),
        product("kv_b_proj", kv_rank, heads * (nope + v_dim), Split.COLUMN),
        Elementwise(name="rotary", width=heads * rope + rope, split=Split.HEADS),
        *selection,
        Attention(name="attention", heads=heads, kv_heads=heads, qk_dim=qk_dim, v_dim=v_dim, mask=mask),
        product("o_proj", heads * v_dim, hidden, Split.ROW, bias=bias),
    )


def sparse_from(c: Config, layers: int) -> list[str]:
    """ "dense" for the first layers, then "sparse"; all dense where the config has no experts.

    A ``moe_layer_freq`` other than one is left among the unused keys: transformers does not read it.
    """
    kinds = dense_then_sparse(c, layers)
    return kinds if _has_experts(c) else ["dense"] * layers


def dense_then_sparse(c: Config, layers: int, *, first: int = 0) -> list[str]:
    """ "dense" or "sparse" for each layer: as ``mlp_layer_types`` lists it, or dense for the first layers.

    ``first``: how many, where ``first_k_dense_replace`` is left out and the type has no default.
    """
    listed = listed_kinds(c, "mlp_layer_types", layers=layers, known=("dense", "sparse"), legacy={})
    until = c.size("first_k_dense_replace", default=first, least=0)
    if c.data.get("moe_layer_freq", 1) == 1:
        c.no_effect("moe_layer_freq")
    return listed or ["sparse" if n >= until else "dense" for n in range(layers)]


def _has_experts(c: Config) -> bool:
    names = ("n_routed_experts", "num_local_experts", "num_experts")
    return not ("n_routed_experts" in c.data and not any(c.data.get(name) for name in names))


def feed_forwards(c: Config, hidden: int, kinds: list[str], *, bias: bool = False) -> dict[str, tuple[Operator, ...]]:
    """The MLP of dense layers, and routed plus shared experts of the sparse ones, as far as the model has them."""
    found: dict[str, tuple[Operator, ...]] = {}
    c.no_effect(*ROUTING)
    if "dense" in kinds:
        found["dense"] = gated_mlp(hidden, c.size("intermediate_size"), bias=bias)
    else:
        c.no_effect("intermediate_size")
    if "sparse" in kinds:
        ffn = c.size("moe_intermediate_size")
        shared = optional_size(c, "n_shared_experts") or 0
        always = shared_expert(hidden, ffn * shared, bias=bias)
        found["sparse"] = moe(hidden, expert_sizes(c, ffn), shared=always)
    else:
        without_experts(c)
    return found


def latent_decoder(
    c: Config, *, mlp_bias: bool = False, first: int | None = None, attention: tuple[Operator, ...] = ()
) -> Architecture:
    """A decoder with latent attention; ``num_nextn_predict_layers`` modules of multi-token prediction on request.

    ``first``: dense layers where the config does not say.
    """
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    attention = attention or latent_attention(c, hidden)
    kinds = sparse_from(c, layers) if first is None else dense_then_sparse(c, layers, first=first)
    operators = {
        name: pre_norm_layer(hidden, attention, mlp)
        for name, mlp in feed_forwards(c, hidden, kinds, bias=mlp_bias).items()
    }
    return causal_decoder(
        c, hidden, layer_blocks(kinds, operators), prediction=prediction_blocks(c, hidden, operators[kinds[-1]], layers)
    )


def prediction_blocks(
    c: Config, hidden: int, layer: tuple[Operator, ...], layers: int, *, unstated: int = 0
) -> tuple[Block, ...]:
    """As many modules as ``num_nextn_predict_layers`` says (``unstated`` where it is absent), each with ``layer``."""
    count = c.size("num_nextn_predict_layers", "num_mtp_layers", "mtp_num_hidden_layers", default=unstated, least=0)
    if not count:
        return ()
    numbers = tuple(range(layers, layers + count))
    return (Block("prediction", prediction_module(hidden, layer, c.size("vocab_size")), numbers),)


def _deepseek_v2(c: Config) -> Architecture:
    return latent_decoder(c, mlp_bias=c.flag("mlp_bias", default=False))


def _glm4_moe_lite(c: Config) -> Architecture:
    return latent_decoder(c, first=1)


def dense_latent_decoder(c: Config, *, tied_default: bool, bias: bool = False) -> Architecture:
    """Latent attention and gated MLPs throughout."""
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    c.no_effect("hidden_act", "scale_depth", "scale_emb", "dim_model_base", "embedding_initializer_range")
    attention = latent_attention(c, hidden, v_head_dim=hidden // c.size("num_attention_heads"))
    layer = pre_norm_layer(hidden, attention, gated_mlp(hidden, c.size("intermediate_size"), bias=bias))
    blocks = layer_blocks(["layer"] * layers, {"layer": layer})
    return causal_decoder(c, hidden, blocks, tied_default=tied_default)


def _youtu(c: Config) -> Architecture:
    return dense_latent_decoder(c, tied_default=True)


def _minicpm3(c: Config) -> Architecture:
    return dense_latent_decoder(c, tied_default=True, bias=c.flag("mlp_bias", default=False))


IMPORTERS = {
    "deepseek_v2": _deepseek_v2,
    "deepseek_v3": latent_decoder,
    "glm4_moe_lite": _glm4_moe_lite,
    "kimi_k2": latent_decoder,
    "minicpm3": _minicpm3,
    "mistral4": latent_decoder,
    "youtu": _youtu,
}
