"""Image towers of models that see, and what joins them to the decoder: Pixtral, MoonViT, InternViT, GLM-V, Gemma 4.

Images have the size that is asked for (``--image-size``); where none is, towers of free resolution do no work.

References
----------
.. [1] Agrawal et al. 2024, arXiv:2410.07073 (Pixtral); Mistral AI, https://huggingface.co/mistralai (patch merger).
.. [2] Kimi Team 2025, arXiv:2504.07491 (MoonViT); Chen et al. 2024, arXiv:2404.16821 (InternVL: pixel shuffle).
.. [3] GLM-V Team 2025, arXiv:2507.01006 (GLM-4.1V and 4.5V: a convolution merges patches).
"""

from __future__ import annotations

from dataclasses import replace

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import Heads
from mfu_planner.architectures.gemma4 import shared_attention
from mfu_planner.architectures.layers import Operators, Sizes, attention_of, pre_norm
from mfu_planner.architectures.model import Block, layer_numbers
from mfu_planner.architectures.parts import gated_mlp, norm, plain_mlp, residual
from mfu_planner.architectures.qwen_vision import Grid, image_grid
from mfu_planner.architectures.vit import free_vectors, patch_embedding, patch_grid, tower_sizes
from mfu_planner.errors import InputError
from mfu_planner.operators import ALL, Attention, Convolution, Elementwise, MatMul, Norm, Role, Rows, Split, Stream

Blocks = tuple[Block, ...]


def linear(name: str, inputs: int, outputs: int, rows: Rows, *, bias: bool) -> MatMul:
    """A layer between tower and decoder."""
    return MatMul(
        name=name, inputs=inputs, outputs=outputs, bias=bias, role=Role.OTHER, split=Split.REPLICATED, rows=rows
    )


def two_layers(inputs: int, inner: int, outputs: int, rows: Rows, *, bias: bool) -> Operators:
    """A projector of two layers with an activation between."""
    return (
        linear("projector_1", inputs, inner, rows, bias=bias),
        Elementwise(name="projector_activation", width=inner, kept=1, rows=rows),
        linear("projector_2", inner, outputs, rows, bias=bias),
    )


def blocks(first: Operators, layer: Operators, layers: int, last: Operators) -> Blocks:
    """A tower of equal layers."""
    return (
        Block("vision embedding", first, stack="vision"),
        Block("vision layer", layer, layer_numbers(layers), stack="vision"),
        Block("vision output", last, stack="vision"),
    )


def floor_grid(c: Config, merge: int, notes: list[str]) -> Grid:
    """The patches of an image of the size that was asked for, as whole merged squares; none where none was."""
    if not c.image_size:
        notes.append(f"{c.origin}: the images have any size: give one (--image-size) to count their tower's work")
        return Grid(0, 0, merge)
    (tall, wide), side = c.pair("patch_size"), c.image_size
    height, width = side // tall // merge * merge, side // wide // merge * merge
    return Grid(height, width, merge, height * width)


def pixtral_tower(outer: Config, c: Config, hidden: int, notes: list[str]) -> Blocks:
    """Pixtral: RMS norms, gated MLPs, no biases; squares of patches merged by one product, then two layers."""
    s = tower_sizes(c)
    merge, bias = outer.size("spatial_merge_size"), outer.flag("multimodal_projector_bias", default=False)
    grid = floor_grid(c, merge, notes)
    c.no_effect("image_size", "hidden_act", "head_dim", "rope_theta", "rope_parameters", "model_type")
    outer.no_effect("vision_feature_layer", "projector_hidden_act")
    rows = grid.patches
    attention = attention_of(s, ALL, rows=rows, unit_pairs=grid.all_pairs)
    layer = pre_norm(s, attention, gated_mlp(s.hidden, s.ffn, rows=rows), rows=rows)
    first = (
        patch_embedding(c.size("num_channels"), s.hidden, c.pair("patch_size"), rows, bias=False),
        norm("pre_norm", s.hidden, rows=rows),
    )
    last = (
        norm("projector_norm", s.hidden, rows=rows),
        linear("projector_merge", s.hidden * merge**2, s.hidden, grid.merged, bias=False),
        *two_layers(s.hidden, hidden, hidden, grid.merged, bias=bias),
    )
    return blocks(first, layer, s.layers, last)


def moonvit_tower(outer: Config, c: Config, hidden: int, notes: list[str]) -> Blocks:
    """MoonViT: a plain transformer with a table of positions by height and width, squares merged into one vector."""
    older = {key: value for key, value in c.data.items() if key.startswith("vt_")}  # as published files name them
    c.data = {**{key.removeprefix("vt_"): value for key, value in older.items()}, **c.data}
    c.no_effect(*older, "text_hidden_size", "mm_projector_type", "projector_hidden_act", "projector_ln_eps")
    c.no_effect("init_pos_emb_time", "mm_hidden_size")
    outer.no_effect("use_unified_vision_chunk", "video_placeholder")
    s = tower_sizes(c)
    merge = c.pair("merge_kernel_size", default=(2, 2))
    if merge[0] != merge[1]:
        raise InputError(f"{c.origin}: merge_kernel_size", list(merge), "a square, such as [2, 2]")
    grid = floor_grid(c, merge[0], notes)
    c.no_effect("hidden_act", "pos_emb_time", "pos_emb_type", "model_type", "video_attn_type", "merge_type")
    rows, width = grid.patches, outer.size("projection_hidden_size", default=s.hidden)
    entries = c.size("init_pos_emb_height", "pos_emb_height") * c.size("init_pos_emb_width", "pos_emb_width")
    layer = pre_norm(
        s,
        attention_of(s, ALL, bias=True, rows=rows, unit_pairs=grid.all_pairs),
        plain_mlp(s.hidden, s.ffn, rows=rows),
        bias=True,
        rows=rows,
    )
    merged = width * merge[0] * merge[1]
    first = (
        patch_embedding(3, s.hidden, c.pair("patch_size"), rows),
        free_vectors("vision_position_embedding", entries, s.hidden, rows),
    )
    last = (
        norm("vision_final_norm", s.hidden, bias=True, rows=rows),
        norm("projector_norm", width, bias=True, rows=rows),
        *two_layers(merged, merged, hidden, grid.merged, bias=True),
    )
    return blocks(first, layer, s.layers, last)


def internvit_tower(outer: Config, c: Config, hidden: int, notes: list[str]) -> Blocks:
    """InternViT: scaled branches, a class token that is dropped, patches shuffled into fewer and wider vectors."""
    del notes
    s = tower_sizes(c)
    down, across, patch = patch_grid(c)
    patches, rows = Rows(Stream.IMAGE, down * across), Rows(Stream.IMAGE, down * across + 1)
    bias, rms = c.flag("attention_bias", default=False), c.text("norm_type", default="layer_norm") == "rms_norm"
    qk: Operators = ()
    if c.flag("use_qk_norm", default=False):
        qk = tuple(Norm(name=f"{n}_norm", width=s.hidden, split=Split.HEADS, rows=rows) for n in "qk")
    attention = attention_of(
        s, ALL, bias=bias, out_bias=True, qk_norm=qk, rotary=False, rows=rows, unit_pairs=rows.factor * rows.factor
    )
    scales = [Elementwise(name=f"{n}_scale", width=s.hidden, weights=s.hidden, rows=rows) for n in ("attention", "mlp")]
    layer = pre_norm(
        s, (*attention, scales[0]), (*plain_mlp(s.hidden, s.ffn, rows=rows), scales[1]), bias=not rms, rows=rows
    )
    own = c.pair("image_size")
    entries = (own[0] // patch[0]) * (own[1] // patch[1]) + 1
    c.no_effect("hidden_act", "layer_scale_init_value", "use_mean_pooling", "projection_dropout", "model_type")
    outer.no_effect(
        "vision_feature_layer", "vision_feature_select_strategy", "projector_hidden_act", "image_seq_length"
    )
    first: Operators = (
        patch_embedding(c.size("num_channels"), s.hidden, patch, patches),
        free_vectors("class_token", 1, s.hidden, rows),
    )
    if c.flag("use_mask_token", default=False):
        first += (free_vectors("mask_token", 1, s.hidden, rows),)
    if c.flag("use_absolute_position_embeddings", default=True):
        first += (free_vectors("vision_position_embedding", entries, s.hidden, rows),)
    ratio = outer.number("downsample_ratio", default=0.5)
    factor = 2 if ratio == 0.5 else 1
    if ratio not in (0.5, 1.0):
        raise InputError(f"{outer.origin}: downsample_ratio", ratio, "0.5, or 1 for none")
    wide, shuffled = s.hidden * factor**2, Rows(Stream.IMAGE, (down // factor) * (across // factor))
    final = (
        () if c.flag("use_mean_pooling", default=True) else (norm("vision_final_norm", s.hidden, bias=True, rows=rows),)
    )
    last = (
        *final,
        norm("projector_norm", wide, bias=True, rows=shuffled),
        *two_layers(wide, hidden, hidden, shuffled, bias=True),
    )
    return blocks(first, layer, s.layers, last)


def glm4v_tower(outer: Config, c: Config, hidden: int, notes: list[str]) -> Blocks:
    """GLM-V: RMS norms and gated MLPs as wide as the output; squares merged by a convolution, then a gated MLP."""
    del outer, hidden
    grid, width, out = image_grid(c, notes), c.size("hidden_size"), c.size("out_hidden_size")
    heads = c.size("num_heads", "num_attention_heads")
    s = Sizes(
        hidden=width, heads=heads, kv_heads=heads, ffn=out, vocab=0, layers=c.size("depth", "num_hidden_layers"),
        head_dim=c.divides("hidden_size / num_heads", width, heads),
    )  # fmt: skip
    rows, merged, inner = grid.patches, grid.merged, c.size("intermediate_size")
    side = c.size("image_size") // c.pair("patch_size")[0]
    attention = attention_of(
        s, ALL, bias=c.flag("attention_bias", default=False), out_bias=False, fused=True, rows=rows,
        unit_pairs=grid.all_pairs,
    )  # fmt: skip
    layer = pre_norm(s, attention, gated_mlp(width, out, rows=rows), rows=rows)
    c.no_effect("hidden_act", "model_type")
    first = (
        patch_embedding(c.size("in_channels"), width, c.pair("patch_size"), rows, frames=c.size("temporal_patch_size")),
        norm("post_embedding_norm", width, rows=rows),
        free_vectors("vision_position_embedding", side * side, width, rows),
    )
    gated = (replace(op, name=f"merger_{op.name}") for op in gated_mlp(out, inner, rows=merged))
    last = (
        norm("vision_final_norm", width, rows=rows),
        Convolution(
            name="merger_convolution", in_channels=width, out_channels=out, kernel=grid.merge**2, bias=True, rows=merged
        ),
        linear("merger_proj", out, out, merged, bias=False),
        norm("merger_norm", out, bias=True, rows=merged),
        *gated,
    )
    return blocks(first, layer, s.layers, last)


def gemma4_tower(outer: Config, c: Config, hidden: int, notes: list[str]) -> Blocks:
    """Gemma 4: norms around each branch and on queries, keys and values; patches pooled by squares, one projection."""
    pool = c.size("pooling_kernel_size")
    grid, width = floor_grid(c, pool, notes), c.size("hidden_size")
    h = Heads(c.size("num_attention_heads"), c.size("num_key_value_heads"), c.size("head_dim"))
    rows, side = grid.patches, c.pair("patch_size")
    c.no_effect(
        "hidden_activation", "use_clipped_linears", "standardize", "default_output_length", "global_head_dim",
        "model_type", "max_position_embeddings", "rope_parameters", "attention_bias",
    )  # fmt: skip
    outer.no_effect("vision_soft_tokens_per_image")
    if outer.raw("audio_config") is not None:
        notes.append(f"{outer.origin}: audio_config: the audio tower is left out of parameters and work")
    attention = tuple(
        replace(op, rows=rows, keys=rows, unit_pairs=grid.all_pairs)
        if isinstance(op, Attention)
        else replace(op, rows=rows)
        for op in shared_attention(width, h, ALL, bias=False, reuse=False, one=False)
    )
    layer = (
        norm("input_norm", width, rows=rows),
        *attention,
        norm("after_attention_norm", width, rows=rows),
        residual("attention_residual", width, rows=rows),
        norm("post_attention_norm", width, rows=rows),
        *gated_mlp(width, c.size("intermediate_size"), rows=rows),
        norm("after_mlp_norm", width, rows=rows),
        residual("mlp_residual", width, rows=rows),
    )
    first = (
        replace(linear("patch_embedding", 3 * side[0] * side[1], width, rows, bias=False), input_grad=False),
        free_vectors("vision_position_embedding", 2 * c.size("position_embedding_size"), width, rows),
    )
    last = (
        Norm(name="projector_norm", width=width, weight=False, rows=grid.merged),
        linear("projector", width, hidden, grid.merged, bias=False),
    )
    return blocks(first, layer, c.size("num_hidden_layers"), last)
