"""SegFormer: overlapping patches in four stages, keys of a thinner grid, a head that fuses all stages.

References
----------
.. [1] Xie et al. 2021, arXiv:2105.15203.
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.layers import Operators
from mfu_planner.architectures.model import Architecture, Block
from mfu_planner.architectures.parts import norm, residual
from mfu_planner.architectures.task_heads import classifier, head_kind, head_linear, sample_model
from mfu_planner.errors import InputError
from mfu_planner.numeric import floor
from mfu_planner.operators import ALL, Attention, Convolution, Elementwise, MatMul, Norm, Role, Rows, Split, Stream

_KINDS = {"ForSemanticSegmentation": "segmentation head", "ForImageClassification": "classifier", "Model": "no head"}
_CROP = 512
"""Side of the training crops on ADE20K [pixels]: section 4.1 of [1]_ (its configs state none that is used)."""


def _project(name: str, inputs: int, outputs: int, rows: Rows, *, split: Split, role: Role, reads: str = "") -> MatMul:
    return MatMul(name=name, inputs=inputs, outputs=outputs, bias=True, role=role, split=split, rows=rows, reads=reads)


def _layer(hidden: int, heads: int, ffn: int, ratio: int, grid: tuple[int, int]) -> Operators:
    """Queries of every position, keys and values of one in ``ratio``²; a depthwise convolution inside the MLP."""
    rows = Rows(Stream.SEQUENCE, grid[0] * grid[1])
    keys = Rows(Stream.SEQUENCE, (grid[0] // ratio) * (grid[1] // ratio))
    thinner: Operators = ()
    if ratio > 1:
        thinner = (
            Convolution(
                name="reduction", in_channels=hidden, out_channels=hidden, kernel=ratio * ratio, bias=True, rows=keys
            ),
            norm("reduction_norm", hidden, bias=True, rows=keys),
        )
    return (
        norm("input_norm", hidden, bias=True, rows=rows),
        _project("q_proj", hidden, hidden, rows, split=Split.COLUMN, role=Role.ATTENTION, reads="attention_input"),
        *thinner,
        _project("k_proj", hidden, hidden, keys, split=Split.COLUMN, role=Role.ATTENTION, reads="key_input"),
        _project("v_proj", hidden, hidden, keys, split=Split.COLUMN, role=Role.ATTENTION, reads="key_input"),
        Attention(
            name="attention",
            heads=heads,
            kv_heads=heads,
            qk_dim=hidden // heads,
            v_dim=hidden // heads,
            mask=ALL,
            rows=rows,
            keys=keys,
            unit_pairs=rows.factor * keys.factor,
        ),
        _project("o_proj", hidden, hidden, rows, split=Split.ROW, role=Role.ATTENTION),
        residual("attention_residual", hidden, rows=rows),
        norm("post_attention_norm", hidden, bias=True, rows=rows),
        _project("up_proj", hidden, ffn, rows, split=Split.COLUMN, role=Role.MLP),
        Convolution(
            name="depthwise",
            in_channels=ffn,
            out_channels=ffn,
            kernel=9,
            groups=ffn,
            bias=True,
            rows=rows,
            split=Split.COLUMN,
        ),
        Elementwise(name="activation", width=ffn, kept=1, split=Split.COLUMN, rows=rows, role=Role.MLP),
        _project("down_proj", ffn, hidden, rows, split=Split.ROW, role=Role.MLP),
        residual("mlp_residual", hidden, rows=rows),
    )


def _segmentation(c: Config, widths: tuple[int, ...], grids: list[tuple[int, int]]) -> Operators:
    """Each stage projected to one width, all brought to the first stage's grid, fused and classified there."""
    inner, rows = c.size("decoder_hidden_size"), Rows(Stream.SEQUENCE, grids[0][0] * grids[0][1])
    stages = tuple(
        head_linear(f"stage_{n}_proj", width, inner, rows=Rows(Stream.SEQUENCE, grid[0] * grid[1]))
        for n, (width, grid) in enumerate(zip(widths, grids, strict=True), start=1)
    )
    return (
        *stages,
        head_linear("fuse", inner * len(widths), inner, bias=False, rows=rows),
        Norm(name="fuse_norm", width=inner, bias=True, rows=rows),
        *classifier(c, inner, rows=rows),
    )


def _segformer(c: Config) -> Architecture:
    notes: list[str] = []
    kind = head_kind(c, _KINDS, "segmentation head", notes)
    names = ("hidden_sizes", "depths", "num_attention_heads", "patch_sizes", "strides", "sr_ratios")
    lists = [c.sizes(name) for name in names]
    if len({len(one) for one in lists}) > 1:
        raise InputError(f"{c.origin}: hidden_sizes", lists[0], f"as many entries as {', '.join(names[1:])}")
    ratios = c.raw("mlp_ratios", c.defaults.get("mlp_ratios"))
    if not isinstance(ratios, list) or len(ratios) < len(lists[0]):
        raise InputError(f"{c.origin}: mlp_ratios", ratios, "a ratio for each stage")
    if not c.image_size:
        notes.append(f"{c.origin}: images of {_CROP} × {_CROP} pixels, as trained on ADE20K: --image-size says another")
    c.no_effect(
        "hidden_act", "drop_path_rate", "num_encoder_blocks", "reshape_last_stage", "semantic_loss_ignore_index",
        "image_size", "downsampling_rates", "decoder_hidden_size", "classifier_dropout_prob",
    )  # fmt: skip
    side = c.image_size or _CROP
    grid, inputs, layer, blocks, grids = (side, side), c.size("num_channels"), 0, list[Block](), list[tuple[int, int]]()
    for stage, (hidden, depth, heads, kernel, stride, ratio) in enumerate(zip(*lists, strict=True), start=1):
        grid = tuple((one + 2 * (kernel // 2) - kernel) // stride + 1 for one in grid)
        grids.append(grid)
        rows = Rows(Stream.SEQUENCE, grid[0] * grid[1])
        first = (
            Convolution(
                name="patch_embedding",
                in_channels=inputs,
                out_channels=hidden,
                kernel=kernel * kernel,
                bias=True,
                rows=rows,
                input_grad=stage > 1,
            ),
            norm("patch_norm", hidden, bias=True, rows=rows),
        )
        blocks.append(Block(f"stage {stage} patches", first, stack="vision"))
        operators = _layer(hidden, heads, floor(hidden * ratios[stage - 1]), ratio, grid)
        blocks.append(Block(f"stage {stage}", operators, tuple(range(layer, layer + depth)), stack="vision"))
        blocks.append(Block(f"stage {stage} norm", (norm("stage_norm", hidden, bias=True, rows=rows),), stack="vision"))
        inputs, layer = hidden, layer + depth
    if kind == "classifier":
        blocks.append(Block("output", classifier(c, inputs), stack="vision"))
    if kind == "segmentation head":
        blocks.append(Block("output", _segmentation(c, lists[0], grids), stack="vision"))
    return sample_model(c, hidden=inputs, blocks=blocks, notes=notes)


IMPORTERS = {"segformer": _segformer}
