"""Swin: attention inside windows of an image, in stages that halve the sides and double the width.

References
----------
.. [1] Liu et al. 2021, arXiv:2103.14030 (Swin).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.layers import Operators, Sizes, attention_of
from mfu_planner.architectures.model import Architecture, Block
from mfu_planner.architectures.parts import norm, plain_mlp, residual
from mfu_planner.architectures.task_heads import classifier, head_kind, head_linear, model_class
from mfu_planner.architectures.vit import free_vectors, patch_embedding
from mfu_planner.errors import InputError
from mfu_planner.numeric import ceil_div, floor
from mfu_planner.operators import ALL, Rows, Stream

_KINDS = {
    "ForImageClassification": "classifier",
    "ForMaskedImageModeling": "masked image modelling",
    "Model": "no head",
    "Backbone": "no head",
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


def _swin(c: Config) -> Architecture:
    notes: list[str] = []
    kind = head_kind(c, _KINDS, "classifier", notes)
    if kind == "masked image modelling":
        raise InputError(f"{c.origin}: architectures", model_class(c), "a classifier or the bare model")
    depths, heads = c.sizes("depths"), c.sizes("num_heads")
    if len(depths) != len(heads):
        raise InputError(f"{c.origin}: num_heads", heads, f"one count for each of the {len(depths)} stages")
    (height, width), patch, own = c.image(), c.pair("patch_size"), c.pair("image_size")
    window, ratio, hidden = c.size("window_size"), c.number("mlp_ratio"), c.size("embed_dim")
    grid = (ceil_div(height, patch[0]), ceil_div(width, patch[1]))
    rows = Rows(Stream.SEQUENCE, grid[0] * grid[1])
    c.no_effect(
        "hidden_act", "drop_path_rate", "encoder_stride", "out_features", "out_indices", "stage_names", "num_layers",
        "hidden_size", "path_norm",
    )  # fmt: skip
    first: Operators = (
        patch_embedding(c.size("num_channels"), hidden, patch, rows),
        norm("embedding_norm", hidden, bias=True, rows=rows),
    )
    if c.flag("use_absolute_embeddings", default=False):
        first += (free_vectors("position_embedding", (own[0] // patch[0]) * (own[1] // patch[1]), hidden, rows),)
    blocks, layer = [Block("embedding", first, stack="vision")], 0
    for stage, (depth, count) in enumerate(zip(depths, heads, strict=True), start=1):
        size = c.divides(f"width / num_heads of stage {stage}", hidden, count)
        s = Sizes(
            hidden=hidden, heads=count, kv_heads=count, head_dim=size, ffn=floor(ratio * hidden), vocab=0, layers=depth
        )
        numbers = tuple(range(layer, layer + depth))
        blocks.append(Block(f"stage {stage}", _layer(c, s, grid, window), numbers, stack="vision"))
        layer += depth
        if stage < len(depths):
            grid = (ceil_div(grid[0], 2), ceil_div(grid[1], 2))
            smaller = Rows(Stream.SEQUENCE, grid[0] * grid[1])
            merge = (
                norm("merge_norm", 4 * hidden, bias=True, rows=smaller),
                head_linear("merge_proj", 4 * hidden, 2 * hidden, bias=False, rows=smaller),
            )
            blocks.append(Block(f"stage {stage} merge", merge, stack="vision"))
            hidden *= 2
    final = Rows(Stream.SEQUENCE, grid[0] * grid[1])
    output: Operators = (norm("final_norm", hidden, bias=True, rows=final),)
    if kind == "classifier":
        output += classifier(c, hidden)
    blocks.append(Block("output", output, stack="vision"))
    return Architecture(
        name=c.model_type,
        hidden=hidden,
        work_unit="sample",
        fixed_length=rows.factor,
        has_text=False,
        blocks=tuple(blocks),
        notes=tuple(notes),
    )


IMPORTERS = {"swin": _swin}
