"""Muse Glimmer: a gated decoder with windows and weightless norms of queries and keys, a tower with windows.

References
----------
.. [1] transformers' ``modeling_muse_glimmer.py``:
   https://github.com/huggingface/transformers/tree/v5.23.0/src/transformers/models/muse_glimmer
"""

from __future__ import annotations

from dataclasses import replace

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import listed_kinds
from mfu_planner.architectures.dense import decoder, layer_blocks, layer_masks, usual_sizes
from mfu_planner.architectures.layers import Operators, attention_of, head_norms, pre_norm
from mfu_planner.architectures.model import Architecture, Block
from mfu_planner.architectures.parts import gated_mlp, norm, plain_mlp
from mfu_planner.architectures.sparse_decoders import gated_output
from mfu_planner.architectures.towers import Blocks, floor_grid, linear, two_layers
from mfu_planner.architectures.vit import free_vectors, tower_sizes
from mfu_planner.operators import ALL, Elementwise, Mask, Norm

_WINDOWED = ("full_attention", "window_attention")


def _text(c: Config) -> Architecture:
    s = usual_sizes(c, head_dim_apart=True, kv_heads_from_heads=False)
    bias = c.flag("attention_bias", default=False)
    c.no_effect(
        "hidden_activation", "final_logit_softcapping", "qk_scale_factor", "output_multiplier", "post_norm_eps",
        "layer_rope_theta",
    )  # fmt: skip
    bare = tuple(replace(op, weight=False) for op in head_norms(s) if isinstance(op, Norm))

    def layer(mask: Mask) -> Operators:
        attention = attention_of(s, mask, bias=bias, qk_norm=bare)
        gated = gated_output(s.hidden, attention, s.heads, s.head_dim, by_head=False)
        return pre_norm(s, gated, gated_mlp(s.hidden, s.ffn), after=True)

    masks = layer_masks(c, s.layers, lambda n: bool((s.layers - 1 - n) % 4), c.size("sliding_window"))
    first = (Norm(name="embedding_norm", width=s.hidden, weight=False),)
    return decoder(c, s, layer_blocks(masks, layer), tied_default=False, first=first)


def muse_tower(outer: Config, c: Config, hidden: int, notes: list[str]) -> Blocks:
    """Layers that see windows as large as the position table, every fourth and the last the whole image."""
    s, merge = tower_sizes(c), c.size("merge_size")
    grid = floor_grid(c, merge, notes)
    table, rows, side = c.size("pos_emb_height"), grid.patches, c.pair("patch_size")
    c.no_effect("hidden_act", "max_position_embeddings", "rope_parameters", "image_size")
    outer.no_effect("projector_hidden_act")
    kinds = listed_kinds(c, "layer_types", layers=s.layers, known=_WINDOWED) or [
        _WINDOWED[bool((n + 1) % 4) and n != s.layers - 1] for n in range(s.layers)
    ]

    def layer(pairs: int) -> Operators:
        attention = attention_of(s, ALL, bias=True, rows=rows, unit_pairs=pairs)
        return pre_norm(s, attention, plain_mlp(s.hidden, s.ffn, rows=rows), bias=True, rows=rows)

    pairs = {"full_attention": grid.all_pairs, "window_attention": grid.window_pairs(table)}
    patch = linear("patch_embedding", 3 * c.size("patch_temporal") * side[0] * side[1], s.hidden, rows, bias=False)
    first = (
        replace(patch, input_grad=False),
        free_vectors("vision_position_embedding", table * c.size("pos_emb_width"), s.hidden, rows),
        norm("pre_norm", s.hidden, bias=True, rows=rows),
    )
    inner = outer.size("projector_hidden_size")
    last = (
        norm("vision_final_norm", s.hidden, bias=True, rows=rows),
        *two_layers(outer.size("out_hidden_size"), inner, inner, grid.merged, bias=False),
        Elementwise(name="projector_second_activation", width=inner, kept=1, rows=grid.merged),
        linear("projector_3", inner, hidden, grid.merged, bias=False),
        Norm(name="projector_norm", width=hidden, weight=False, rows=grid.merged),
    )
    return (
        Block("vision embedding", first, stack="vision"),
        *(
            Block(
                f"vision {kind.removesuffix('_attention')} layer",
                layer(pairs[kind]),
                tuple(n for n, other in enumerate(kinds) if other == kind),
                stack="vision",
            )
            for kind in dict.fromkeys(kinds)
        ),
        Block("vision output", last, stack="vision"),
    )


IMPORTERS = {"muse_glimmer_text": _text}
