"""LLaVA and what followed: a CLIP or SigLIP tower, features of chosen depths, a projector of two layers.

LLaVA-NeXT and OneVision cut an image into tiles of the tower's size, beside the whole image at that size; an image of
the size that is asked for (``--image-size``) gets the best of the config's grids, as the processor chooses it.

References
----------
.. [1] Liu et al. 2023, arXiv:2304.08485 (LLaVA); Cai et al. 2023, arXiv:2312.00784 (ViP-LLaVA).
.. [2] Liu et al. 2024, https://llava-vl.github.io/blog/2024-01-30-llava-next (tiles); Li et al. 2024, arXiv:2408.03326.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from mfu_planner.architectures.clip import attention_pooling, vision_tower
from mfu_planner.architectures.config import Config
from mfu_planner.architectures.layers import Operators, without_gradients
from mfu_planner.architectures.model import Block
from mfu_planner.architectures.parts import norm
from mfu_planner.architectures.towers import Blocks, two_layers
from mfu_planner.architectures.vit import free_vectors
from mfu_planner.errors import InputError
from mfu_planner.numeric import ceil_div
from mfu_planner.numeric.letters import plain
from mfu_planner.operators import Rows, Stream

_TOWERS = ("clip_vision_model", "siglip_vision_model")


def best_grid(side: int, grids: Sequence[Sequence[int]]) -> Sequence[int]:
    """The (height, width) that shows a square image of ``side`` at the most pixels, with the fewest to waste.

    The rule of transformers' ``select_best_resolution``.
    """

    def shown(grid: Sequence[int]) -> int:
        return min(grid[0], grid[1], side) ** 2

    return max(grids, key=lambda grid: (shown(grid), shown(grid) - grid[0] * grid[1]))


def tiles(outer: Config, v: Config, notes: list[str]) -> int:
    """Tiles that the tower sees of one image: those of the best grid, and the whole image."""
    size: int = plain(v.pair("image_size")[0])
    side: int | None = plain(outer.image_size)
    grids: Any = outer.raw("image_grid_pinpoints", outer.defaults.get("image_grid_pinpoints"))
    if (
        not isinstance(grids, list)
        or not grids
        or not all(
            isinstance(grid, list) and len(grid) == 2 and all(type(n) is int and n > 0 for n in grid) for grid in grids
        )
    ):
        raise InputError(f"{outer.origin}: image_grid_pinpoints", grids, "a list of [height, width] in pixels")
    if not side:
        notes.append(f"{outer.origin}: images of one tile, {size} pixels a side: --image-size says another size")
    height, width = best_grid(side or size, grids)
    count: int = ceil_div(height, size) * ceil_div(width, size) + 1
    return count


class Features(NamedTuple):
    """What a tower hands to its projector."""

    tower: Blocks
    last: Operators
    """Behind its layers: the norm, and a pooling whose result nobody reads."""
    rows: Rows
    width: int
    tiles: int


def features(outer: Config, c: Config, notes: list[str]) -> Features:
    """The tower up to the deepest layer that is read; layers behind it get no gradient."""
    kind = c.text("model_type", default="clip_vision_model")
    if kind not in _TOWERS:
        raise InputError(f"{c.origin}: model_type", kind, f"one of {', '.join(_TOWERS)}")
    siglip, tiled = kind.startswith("siglip"), outer.model_type in ("llava_next", "llava_onevision")
    count, whole = tiles(outer, c, notes) if tiled else 1, outer.model_type == "cohere2_vision"
    (first, layers), width, tokens = vision_tower(c, siglip=siglip, stream=Stream.IMAGE, tiles=count)
    c.no_effect("projection_dim", "vocab_size", "projector_hidden_act")
    layer = outer.raw("vision_feature_layer", outer.defaults.get("vision_feature_layer", -1 if whole else -2))
    taken, total = [layer] if isinstance(layer, int) else layer, len(layers.layers)
    if (
        not isinstance(taken, list)
        or not taken
        or not all(type(n) is int and -total <= n + 1 <= total + 1 for n in taken)
    ):
        raise InputError(f"{outer.origin}: vision_feature_layer", layer, f"a layer of the tower, which has {total}")
    deepest = max(n if n >= 0 else total + 1 + n for n in taken)
    tower: Blocks = (
        first,
        replace(layers, layers=layers.layers[:deepest]),
        *(
            (replace(layers, operators=without_gradients(layers.operators), layers=layers.layers[deepest:]),)
            if deepest < total
            else ()
        ),
    )
    vip = outer.model_type == "vipllava"
    without_class = vip or (not whole and outer.text("vision_feature_select_strategy", default="default") == "default")
    rows = Rows(Stream.IMAGE, count * (tokens - without_class))
    final = norm("vision_final_norm", width, bias=True, rows=Rows(Stream.IMAGE, count * tokens if siglip else count))
    pooled = siglip and c.flag("vision_use_head", default=True)
    pooling = attention_pooling(c, tokens, Stream.IMAGE, tiles=count) if pooled else ()
    return Features(tower, (final, *without_gradients(pooling)), rows, width * len(taken), count)


def llava_tower(outer: Config, c: Config, hidden: int, notes: list[str]) -> Blocks:
    """The tower and a projector of two layers; for tiles, a vector that ends each row of them."""
    seen = features(outer, c, notes)
    outer.no_effect("vision_aspect_ratio", "use_image_newline_parameter", "image_seq_length", "projector_layernorm_eps")
    bias, rows, wide = outer.flag("multimodal_projector_bias", default=True), seen.rows, seen.width
    last = (
        *seen.last,
        *((norm("projector_norm", wide, bias=True, rows=rows),) if outer.model_type == "vipllava" else ()),
        *two_layers(wide, hidden, hidden, rows, bias=bias),
        *((free_vectors("projector_newline", 1, hidden, Rows(Stream.IMAGE)),) if seen.tiles > 1 else ()),
    )
    return (*seen.tower, Block("vision output", last, stack="vision"))
