"""Zamba2: Mamba-2 layers, and a few transformer blocks whose weights are used again and again.

Each use of a shared block has small adapters and an output projection of its own, so that parameters and FLOPs part
company.

References
----------
.. [1] Glorioso et al. 2024, arXiv:2411.15242 (Zamba2), figure 2.
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import causal_decoder, layer_blocks, listed_kinds
from mfu_planner.architectures.mixers import expanded, mamba2_mixer, product, state_space
from mfu_planner.architectures.model import Architecture, Block
from mfu_planner.architectures.parts import gated_mlp, norm, residual, self_attention
from mfu_planner.errors import InputError
from mfu_planner.operators import CAUSAL, Operator, Role, Split

_NO_EFFECT = (
    "hidden_act",
    "num_logits_to_keep",
    "use_conv_bias",
    "use_long_context",
    "use_mamba_kernels",
    "use_mem_eff_path",
    "kv_channels",
    "num_query_groups",
    "mamba_headdim",
    "attention_head_dim",
    "attention_hidden_size",
    "hybrid_layer_ids",
    "time_step_floor",
    "time_step_limit",
    "time_step_max",
    "time_step_min",
)


def _shared_block(c: Config, hidden: int, ffn: int) -> tuple[Operator, ...]:
    """Attention over the stream beside the embeddings (twice as wide), then a gated MLP."""
    heads, bias = c.size("num_attention_heads"), c.flag("add_bias_linear", default=False)
    kv_heads = c.size("num_key_value_heads", default=heads)
    c.divides("num_attention_heads / num_key_value_heads", heads, kv_heads)
    head_dim = c.divides("2 × hidden_size / num_attention_heads", 2 * hidden, heads, letter="h")
    *into, out = self_attention(
        hidden=2 * hidden,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        mask=CAUSAL,
        rotary=c.flag("use_mem_rope", default=False),
    )
    return (
        norm("input_norm", 2 * hidden),
        *into,
        product(out.name, heads * head_dim, hidden, Split.ROW, role=Role.ATTENTION),
        norm("pre_mlp_norm", hidden),
        *gated_mlp(hidden, ffn, bias=bias),
    )


def _own_parts(c: Config, hidden: int, ffn: int) -> tuple[Operator, ...]:
    """What each use of a shared block has for itself: adapters, and the projection back into the stream."""
    rank = c.size("adapter_rank")

    def adapter(name: str, inputs: int, outputs: int, role: Role) -> tuple[Operator, ...]:
        return (
            product(f"{name}_adapter_a", inputs, rank, Split.REPLICATED, role=role),
            product(f"{name}_adapter_b", rank, outputs, Split.COLUMN, role=role),
        )

    attention: tuple[Operator, ...] = ()
    if c.flag("use_shared_attention_adapter", default=False):
        attention = tuple(
            op for name in ("q", "k", "v") for op in adapter(name, 2 * hidden, 2 * hidden, Role.ATTENTION)
        )
    return (
        *attention,
        *adapter("gate_up", hidden, 2 * ffn, Role.MLP),
        product("shared_block_proj", hidden, hidden, Split.REPLICATED, role=Role.OTHER),
        residual("shared_block_sum", hidden),
    )


def _mamba_layer(c: Config, hidden: int) -> tuple[Operator, ...]:
    inner = expanded(c, hidden, "mamba_expand")
    heads, bias = c.size("n_mamba_heads"), c.flag("add_bias_linear", default=False)
    sizes = state_space(
        c,
        heads=heads,
        head_dim=c.divides("mamba_expand × hidden_size / n_mamba_heads", inner, heads, letter="h_m"),
        groups=c.size("mamba_ngroups"),
        state=c.size("mamba_d_state"),
        kernel=c.size("mamba_d_conv"),
        chunk=c.size("chunk_size"),
    )
    return (
        norm("input_norm", hidden),
        *mamba2_mixer(hidden, sizes, proj_bias=bias, conv_bias=True),
        residual("mixer_residual", hidden),
    )


def _zamba2(c: Config) -> Architecture:
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    ffn = c.size("intermediate_size", default=4 * hidden)
    c.no_effect(*_NO_EFFECT)
    kinds = listed_kinds(c, "layers_block_type", "layer_types", layers=layers, known=("linear_attention", "hybrid"))
    if kinds is None:
        raise InputError(f"{c.origin}: layers_block_type", "nothing", 'a list of "mamba" or "hybrid" for each layer')
    uses = [n for n, kind in enumerate(kinds) if kind == "hybrid"]
    sets = c.size("num_mem_blocks", default=1)
    mamba = _mamba_layer(c, hidden)
    operators = {"linear_attention": mamba}
    blocks: list[Block] = []
    if uses:
        operators_of_block = _shared_block(c, hidden, ffn)
        tied = c.flag("tie_word_embeddings", default=True)  # untied, transformers 5 gives every use its own weights
        blocks = [
            Block(f"shared block {n}", operators_of_block, tuple(uses[n::sets]), shared=tied)
            for n in range(min(sets, len(uses)))
        ]
        operators["hybrid"] = (*_own_parts(c, hidden, ffn), *mamba)
    return causal_decoder(c, hidden, (*blocks, *layer_blocks(kinds, operators)), tied_default=True)


IMPORTERS = {"zamba2": _zamba2}
