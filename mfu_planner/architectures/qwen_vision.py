"""Image towers of Qwen-VL: patches at the image's own resolution, merged by squares before the decoder sees them.

References
----------
.. [1] Wang et al. 2024, arXiv:2409.12191 (Qwen2-VL).
.. [2] Bai et al. 2025, arXiv:2502.13923 (Qwen2.5-VL: windows in most layers, gated MLPs).
.. [3] Qwen3-VL 2025, arXiv:2511.21631 (features of several depths go into the decoder).
"""

from __future__ import annotations

from dataclasses import dataclass

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import index_list
from mfu_planner.architectures.layers import Operators, Sizes, attention_of
from mfu_planner.architectures.model import Block, layer_numbers
from mfu_planner.architectures.parts import gated_mlp, norm, plain_mlp, residual
from mfu_planner.architectures.vit import free_vectors, patch_embedding
from mfu_planner.errors import InputError
from mfu_planner.numeric import floor, maximum, nearest
from mfu_planner.operators import ALL, Elementwise, MatMul, Role, Rows, Split, Stream


@dataclass(frozen=True, slots=True)
class Grid:
    """Patches of one image: ``height`` × ``width``, merged by squares of ``merge`` × ``merge``."""

    height: int
    width: int
    merge: int
    count: int = 0
    """Patches in all."""

    @property
    def patches(self) -> Rows:
        """A row for each patch of each image."""
        return Rows(Stream.IMAGE, self.count)

    @property
    def merged(self) -> Rows:
        """A row for each merged square."""
        return Rows(Stream.IMAGE, self.count // self.merge**2)

    @property
    def all_pairs(self) -> int:
        """(query, key) pairs of one image where all its patches see one another."""
        return self.patches.factor**2

    def window_pairs(self, side: int) -> int:
        """The same where patches see their window of ``side`` × ``side`` patches only (cut at the image's edges)."""
        return _sum_of_squares(self.height, side) * _sum_of_squares(self.width, side)


def _sum_of_squares(length: int, side: int) -> int:
    """Σ n² over the pieces of ``side`` that a length is cut into, the last one shorter."""
    return length // side * side**2 + (length % side) ** 2


def image_grid(c: Config, notes: list[str]) -> Grid:
    """The patches of an image of the chosen size, a whole number of merged squares; none where no size was chosen."""
    merge = c.size("spatial_merge_size")
    if not c.image_size:
        notes.append(f"{c.origin}: the images have any size: give one (--image-size) to count their tower's work")
        return Grid(0, 0, merge)
    (tall, wide), side = c.pair("patch_size"), c.image_size
    down, across = (maximum(1, nearest(side / (one * merge))) * merge for one in (tall, wide))
    return Grid(down, across, merge, c.derived("P", down * across))


def _merger(
    grid: Grid, width: int, outputs: int, *, rms: bool = False, prefix: str = "", late: bool = False
) -> Operators:
    """Squares of patches become one vector of the decoder's width; ``late``: the norm acts on the merged square."""
    merged = width * grid.merge**2

    def linear(name: str, outputs: int) -> MatMul:
        return MatMul(
            name=f"{prefix}{name}",
            inputs=merged,
            outputs=outputs,
            bias=True,
            role=Role.OTHER,
            split=Split.REPLICATED,
            rows=grid.merged,
        )

    rows = grid.merged if late else grid.patches
    return (
        norm(f"{prefix}merger_norm", merged if late else width, bias=not rms, rows=rows),
        linear("merger_up_proj", merged),
        Elementwise(name=f"{prefix}merger_activation", width=merged, kept=1, rows=grid.merged),
        linear("merger_down_proj", outputs),
    )


def _tower_sizes(c: Config, width: int, ffn: int) -> Sizes:
    heads = c.size("num_heads")
    return Sizes(
        hidden=width,
        heads=heads,
        kv_heads=c.size("num_key_value_heads", default=heads),
        head_dim=c.divides("hidden_size / num_heads", width, heads, letter="h"),
        ffn=ffn,
        vocab=0,
        layers=c.size("depth"),
    )


def _layer(s: Sizes, grid: Grid, mlp: Operators, pairs: int, *, rms: bool = False) -> Operators:
    rows, bias = grid.patches, not rms
    return (
        norm("input_norm", s.hidden, bias=bias, rows=rows),
        *attention_of(s, ALL, bias=True, fused=True, rows=rows, unit_pairs=pairs),
        residual("attention_residual", s.hidden, rows=rows),
        norm("post_attention_norm", s.hidden, bias=bias, rows=rows),
        *mlp,
        residual("mlp_residual", s.hidden, rows=rows),
    )


def _patches(c: Config, grid: Grid, width: int, *, bias: bool = False) -> Operators:
    return (
        patch_embedding(
            c.size("in_channels", "in_chans"),
            width,
            c.pair("patch_size"),
            grid.patches,
            bias=bias,
            frames=c.size("temporal_patch_size"),
        ),
    )


def _blocks(first: Operators, layers: tuple[Block, ...], last: Operators) -> tuple[Block, ...]:
    return (Block("vision embedding", first, stack="vision"), *layers, Block("vision output", last, stack="vision"))


def _every_layer(s: Sizes, layer: Operators) -> tuple[Block, ...]:
    return (Block("vision layer", layer, layer_numbers(s.layers), stack="vision"),)


def qwen2_vl_tower(c: Config, notes: list[str]) -> tuple[Block, ...]:
    """Plain MLPs, all patches of an image see one another; ``hidden_size`` is the decoder's width here."""
    grid, width = image_grid(c, notes), c.size("embed_dim")
    s = _tower_sizes(c, width, floor(width * c.number("mlp_ratio")))
    c.no_effect("hidden_act", "spatial_patch_size")
    layer = _layer(s, grid, plain_mlp(width, s.ffn, rows=grid.patches), grid.all_pairs)
    return _blocks(_patches(c, grid, width), _every_layer(s, layer), _merger(grid, width, c.size("hidden_size")))


def qwen2_5_vl_tower(c: Config, notes: list[str]) -> tuple[Block, ...]:
    """Gated MLPs and RMS norms; only the layers of ``fullatt_block_indexes`` see the whole image."""
    grid, width = image_grid(c, notes), c.size("hidden_size")
    s = _tower_sizes(c, width, c.size("intermediate_size"))
    whole = index_list(c, "fullatt_block_indexes") or frozenset()
    square = c.pair("patch_size")[0] * grid.merge
    if (window := c.size("window_size")) < square:
        raise InputError(f"{c.origin}: window_size", window, f"at least the side of one merged square, {square} pixels")
    side = window // square * grid.merge
    c.no_effect("hidden_act", "spatial_patch_size", "tokens_per_second")
    mlp = gated_mlp(width, s.ffn, bias=True, rows=grid.patches)
    local = _layer(s, grid, mlp, grid.window_pairs(side), rms=True)
    layers = (
        Block("vision window layer", local, tuple(i for i in range(s.layers) if i not in whole), stack="vision"),
        Block(
            "vision layer",
            _layer(s, grid, mlp, grid.all_pairs, rms=True),
            tuple(i for i in range(s.layers) if i in whole),
            stack="vision",
        ),
    )
    last = _merger(grid, width, c.size("out_hidden_size"), rms=True)
    return _blocks(_patches(c, grid, width), tuple(b for b in layers if b.layers), last)


def qwen3_vl_tower(c: Config, notes: list[str]) -> tuple[Block, ...]:
    """A learned position table, and mergers of their own for the depths that feed the decoder's first layers."""
    grid, width, outputs = image_grid(c, notes), c.size("hidden_size"), c.size("out_hidden_size")
    s = _tower_sizes(c, width, c.size("intermediate_size"))
    depths = sorted(index_list(c, "deepstack_visual_indexes") or ())
    c.no_effect("hidden_act", "spatial_patch_size")
    table = free_vectors("vision_position_embedding", c.size("num_position_embeddings"), width, grid.patches)
    layer = _layer(s, grid, plain_mlp(width, s.ffn, rows=grid.patches), grid.all_pairs)
    first = (*_patches(c, grid, width, bias=True), table)
    deep = tuple(
        Block("deep features", _merger(grid, width, outputs, prefix="deep_", late=True), (i,), stack="vision")
        for i in depths
    )
    return (*_blocks(first, _every_layer(s, layer), _merger(grid, width, outputs)), *deep)
