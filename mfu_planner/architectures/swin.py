"""Swin: attention inside windows of an image, in stages that halve the sides and double the width.

References
----------
.. [1] Liu et al. 2021, arXiv:2103.14030 (Swin).
.. [2] Liu et al. 2021, arXiv:2111.09883 (Swin V2: norms behind the branches, positions from a small network).
"""

from __future__ import annotations

from dataclasses import replace

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.layers import Operators, Sizes, attention_of, post_norm
from mfu_planner.architectures.model import Architecture, Block
from mfu_planner.architectures.parts import norm, plain_mlp, residual
from mfu_planner.architectures.task_heads import classifier, head_kind, head_linear, sample_model
from mfu_planner.architectures.vit import free_vectors, mask_vector, patch_embedding, pixels_of
from mfu_planner.errors import InputError
from mfu_planner.numeric import ceil_div, floor
from mfu_planner.operators import ALL, Elementwise, Role, Rows, Stream

_KINDS = {
    "ForImageClassification": "classifier",
    "ForMaskedImageModeling": "masked image modelling",
    "Model": "no head",
    "Backbone": "feature maps",
}


def _layer(c: Config, s: Sizes, grid: tuple[int, int], window: int) -> Operators:
    """Attention inside the windows of the padded grid, an MLP on its own positions."""
    high, wide = (ceil_div(side, window) for side in grid)
    area = window * window
    rows, padded = Rows(Stream.SEQUENCE, grid[0] * grid[1]), Rows(Stream.SEQUENCE, high * wide * area)
    attention = attention_of(
        s,
        ALL,
        bias=c.flag("qkv_bias", default=True),
        out_bias=True,
        rotary=False,
        rows=padded,
        unit_pairs=high * wide * area * area,
    )
    return (
        norm("input_norm", s.hidden, bias=True, rows=rows),
        free_vectors("relative_positions", (2 * window - 1) ** 2, s.heads, Rows(Stream.SEQUENCE)),
        *attention,
        residual("attention_residual", s.hidden, rows=rows),
        norm("post_attention_norm", s.hidden, bias=True, rows=rows),
        *plain_mlp(s.hidden, s.ffn, rows=rows),
        residual("mlp_residual", s.hidden, rows=rows),
    )


_TABLE_WIDTH = 512
"""Width of the network that Swin V2 makes its table of positions with [2]_."""


def _second_layer(c: Config, s: Sizes, grid: tuple[int, int], window: int) -> Operators:
    """Swin V2: scores of a cosine and a learned scale, a network over distances that the whole batch shares."""
    high, wide = (ceil_div(side, window) for side in grid)
    area = window * window
    rows, padded = Rows(Stream.SEQUENCE, grid[0] * grid[1]), Rows(Stream.SEQUENCE, high * wide * area)
    distances = Rows(Stream.ONCE, (2 * window - 1) ** 2)
    attention = attention_of(
        s,
        ALL,
        bias=c.flag("qkv_bias", default=True),
        k_bias=False,
        out_bias=True,
        rotary=False,
        rows=padded,
        unit_pairs=high * wide * area * area,
    )
    table = (
        replace(head_linear("distances_1", 2, _TABLE_WIDTH, rows=distances), input_grad=False, role=Role.POSITION),
        replace(head_linear("distances_2", _TABLE_WIDTH, s.heads, bias=False, rows=distances), role=Role.POSITION),
        Elementwise(name="score_scale", width=s.heads, weights=s.heads, rows=padded, role=Role.ATTENTION),
    )
    return post_norm(s, (*table, *attention), plain_mlp(s.hidden, s.ffn, rows=rows), bias=True, rows=rows)


def map_of(c: Config, stage: int, stages: int) -> bool:
    """Whether a backbone hands out the map of a stage (from 1): the last one unless the config names others."""
    names, numbers = c.raw("out_features"), c.raw("out_indices")
    if isinstance(names, list):
        return f"stage{stage}" in names
    if isinstance(numbers, list):
        return stage in [number % (stages + 1) for number in numbers]
    return stage == stages


def _swin(c: Config) -> Architecture:
    notes: list[str] = []
    kind, second = head_kind(c, _KINDS, "classifier", notes), c.model_type == "swinv2"
    depths, heads = c.sizes("depths"), c.sizes("num_heads")
    if len(depths) != len(heads):
        raise InputError(f"{c.origin}: num_heads", heads, f"one count for each of the {len(depths)} stages")
    (height, width), patch, own = c.image(), c.pair("patch_size"), c.pair("image_size")
    if own[0] < patch[0] or own[1] < patch[1]:
        raise InputError(f"{c.origin}: patch_size", patch, f"at most the image's {own[0]} × {own[1]} pixels")
    window, ratio, hidden = c.size("window_size"), c.number("mlp_ratio"), c.size("embed_dim")
    grid = (ceil_div(height, patch[0]), ceil_div(width, patch[1]))
    own_grid = (own[0] // patch[0], own[1] // patch[1])
    rows = Rows(Stream.SEQUENCE, grid[0] * grid[1])
    c.no_effect(
        "hidden_act", "drop_path_rate", "encoder_stride", "out_features", "out_indices", "stage_names", "num_layers",
        "hidden_size", "path_norm", "pretrained_window_sizes",
    )  # fmt: skip
    first: Operators = (
        patch_embedding(c.size("num_channels"), hidden, patch, rows),
        norm("embedding_norm", hidden, bias=True, rows=rows),
    )
    if c.flag("use_absolute_embeddings", default=False):
        entries = (own[0] // patch[0]) * (own[1] // patch[1]) + second
        first += (free_vectors("position_embedding", entries, hidden, rows),)
    if kind == "masked image modelling":
        first += mask_vector(hidden, rows)
    blocks, layer = [Block("embedding", first, stack="vision")], 0
    for stage, (depth, count) in enumerate(zip(depths, heads, strict=True), start=1):
        size = c.divides(f"width / num_heads of stage {stage}", hidden, count)
        s = Sizes(
            hidden=hidden, heads=count, kv_heads=count, head_dim=size, ffn=floor(ratio * hidden), vocab=0, layers=depth
        )
        numbers = tuple(range(layer, layer + depth))
        reach = min(window, *(side // 2 ** (stage - 1) for side in own_grid)) if second else window
        operators = (_second_layer if second else _layer)(c, s, grid, reach)
        blocks.append(Block(f"stage {stage}", operators, numbers, stack="vision"))
        layer += depth
        if kind == "feature maps" and not second and map_of(c, stage, len(depths)):
            at = Rows(Stream.SEQUENCE, grid[0] * grid[1])
            blocks.append(Block(f"stage {stage} map", (norm("map_norm", hidden, bias=True, rows=at),), stack="vision"))
        if stage < len(depths):
            grid = (ceil_div(grid[0], 2), ceil_div(grid[1], 2))
            smaller = Rows(Stream.SEQUENCE, grid[0] * grid[1])
            merge = (
                norm("merge_norm", (2 if second else 4) * hidden, bias=True, rows=smaller),
                head_linear("merge_proj", 4 * hidden, 2 * hidden, bias=False, rows=smaller),
            )
            blocks.append(Block(f"stage {stage} merge", merge, stack="vision"))
            hidden *= 2
    final = Rows(Stream.SEQUENCE, grid[0] * grid[1])
    output: Operators = (norm("final_norm", hidden, bias=True, rows=final),)
    if second and kind == "feature maps":
        output = ()
    elif kind == "classifier":
        output += classifier(c, hidden)
    elif kind == "masked image modelling":
        output += pixels_of(c, hidden, final)
    blocks.append(Block("output", output, stack="vision"))
    return sample_model(c, hidden=hidden, length=rows.factor, blocks=blocks, notes=notes)


IMPORTERS = {"swin": _swin, "swinv2": _swin}
