"""MiniMax M3: experts beside a shared one, layers whose indexer chooses blocks of keys, an image tower.

References
----------
.. [1] MiniMax 2026, https://huggingface.co/MiniMaxAI/MiniMax-M3; transformers' ``modeling_minimax_m3_vl.py``.
"""

from __future__ import annotations

from dataclasses import replace

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import Heads, listed_kinds
from mfu_planner.architectures.indexed import NOTE
from mfu_planner.architectures.layers import Operators, attention_of, pre_norm, without_gradients
from mfu_planner.architectures.model import Architecture
from mfu_planner.architectures.parts import norm, plain_mlp
from mfu_planner.architectures.qwen_vision import image_grid
from mfu_planner.architectures.sparse_decoders import gated_feed_forwards, grouped, sparse_decoder
from mfu_planner.architectures.towers import Blocks, blocks, two_layers
from mfu_planner.architectures.vit import patch_embedding, tower_sizes
from mfu_planner.errors import InputError
from mfu_planner.operators import ALL, CAUSAL, Attention, Elementwise, Mask, MaskKind, MatMul, Norm, Role, Split

_LAYERS = ("full_attention", "minimax_m3_sparse")
_MLPS = ("dense", "sparse")
_OLDER = {
    "sparse_num_index_heads": "index_n_heads",
    "sparse_index_dim": "index_head_dim",
    "sparse_block_size": "index_block_size",
    "sparse_topk_blocks": "index_topk_blocks",
    "sparse_local_block": "index_local_blocks",
}
"""Names inside ``sparse_attention_config`` of published files."""


def _indexer(c: Config, hidden: int) -> Operators:
    """Queries of a few heads and one key, normalised; their scores choose blocks and get no gradient."""
    heads, width = c.size("index_n_heads"), c.size("index_head_dim")

    def product(name: str, outputs: int) -> MatMul:
        return MatMul(
            name=name,
            inputs=hidden,
            outputs=outputs,
            role=Role.ATTENTION,
            split=Split.REPLICATED,
            reads="attention_input",
        )

    return without_gradients(
        (
            product("index_q_proj", heads * width),
            product("index_k_proj", width),
            Norm(name="index_q_norm", width=width, vectors=heads),
            Norm(name="index_k_norm", width=width),
            Elementwise(name="index_rotary", width=(heads + 1) * width, role=Role.ATTENTION),
            Attention(name="index_scores", heads=heads, kv_heads=1, qk_dim=width, v_dim=0, mask=CAUSAL),
        )
    )


def _listed(c: Config, name: str, layers: int, known: tuple[str, str], flags: object, usual: str) -> list[str]:
    """The kind of each layer: by name, by flags of an older file, or all alike."""
    kinds = listed_kinds(c, name, layers=layers, known=known)
    if kinds or flags is None:
        return kinds or [usual] * layers
    if not isinstance(flags, list) or len(flags) != layers:
        raise InputError(f"{c.origin}: {name}", flags, f"a list of {layers}")
    return [known[bool(flag)] for flag in flags]


def _text(c: Config) -> Architecture:
    older = c.raw("sparse_attention_config") or {}
    c.data = {**{new: older[old] for old, new in _OLDER.items() if old in older}, **c.data}
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    h = Heads(c.size("num_attention_heads"), c.size("num_key_value_heads"), c.size("head_dim"))
    c.no_effect(
        "hidden_act", "routed_scaling_factor", "rotary_dim", "swiglu_alpha", "swiglu_limit", "use_routing_bias",
        "scoring_func", "use_qk_norm", "qk_norm_type", "attn_type_list", "use_gemma_norm", "num_mtp_modules",
        "mtp_transformer_layers", "partial_rotary_factor",
    )  # fmt: skip
    kinds = _listed(c, "layer_types", layers, _LAYERS, older.get("sparse_attention_freq"), "full_attention")
    mlps = _listed(c, "mlp_layer_types", layers, _MLPS, c.raw("moe_layer_freq"), "sparse")
    mixers = {"full_attention": grouped(hidden, h)}
    if "minimax_m3_sparse" in kinds:
        mask = Mask(MaskKind.BLOCKS, c.size("index_block_size"), c.size("index_topk_blocks"))
        attention = grouped(hidden, h, mask)
        place = next(n for n, op in enumerate(attention) if isinstance(op, Attention))
        mixers["minimax_m3_sparse"] = (*attention[:place], *_indexer(c, hidden), *attention[place:])
    c.no_effect("index_n_heads", "index_head_dim", "index_block_size", "index_topk_blocks", "index_local_blocks")
    shared = c.size("shared_intermediate_size")
    forwards = gated_feed_forwards(
        c,
        hidden,
        mlps,
        dense_ffn="dense_intermediate_size",
        expert_ffn="intermediate_size",
        shared_ffn=lambda _: shared,
    )
    used = {kind: mixers[kind] for kind in dict.fromkeys(kinds)}
    built = sparse_decoder(c, hidden, used, kinds, forwards, mlps)
    return replace(built, notes=(*built.notes, NOTE)) if len(mixers) > 1 else built


def minimax_tower(outer: Config, c: Config, hidden: int, notes: list[str]) -> Blocks:
    """Patches of two pictures, plain layers; a projector of two layers on each patch, then two on merged squares."""
    s, grid = tower_sizes(c), image_grid(c, notes)
    rows, inner = grid.patches, outer.size("projector_hidden_size")
    c.no_effect("hidden_act", "image_size", "rope_parameters", "rope_theta", "position_embedding_type")
    outer.no_effect("merged_hidden_size", "multimodal_projector_bias", "vision_feature_layer")
    layer = pre_norm(
        s,
        attention_of(s, ALL, bias=True, rows=rows, unit_pairs=grid.all_pairs),
        plain_mlp(s.hidden, s.ffn, rows=rows),
        bias=True,
        rows=rows,
    )
    frames = c.size("temporal_patch_size")
    first = (
        patch_embedding(c.size("num_channels"), s.hidden, c.pair("patch_size"), rows, bias=False, frames=frames),
        norm("pre_norm", s.hidden, bias=True, rows=rows),
    )
    merged = two_layers(hidden * grid.merge**2, inner, hidden, grid.merged, bias=True)
    last = (
        *two_layers(s.hidden, inner, hidden, rows, bias=True),
        *(replace(op, name=op.name.replace("projector", "projector_merge")) for op in merged),
    )
    return blocks(first, layer, s.layers, last)


IMPORTERS = {"minimax_m3_vl_text": _text}
