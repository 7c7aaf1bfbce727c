"""SigLIP towers whose patches are shuffled into fewer and wider vectors, or projected as they are.

Where a processor cuts a large image into tiles, each tile is an image here.

References
----------
.. [1] Laurençon et al. 2024, arXiv:2408.12637 (Idefics3); Marafioti et al. 2025, arXiv:2504.05299 (SmolVLM).
.. [2] Beyer et al. 2024, arXiv:2407.07726 (PaliGemma); Dash et al. 2025, arXiv:2505.08751 (Aya Vision).
.. [3] Liquid AI 2025, arXiv:2511.23404 (LFM2-VL).
"""

from __future__ import annotations

from mfu_planner.architectures.clip import attention_pooling, vision_tower
from mfu_planner.architectures.config import Config
from mfu_planner.architectures.layers import Operators, without_gradients
from mfu_planner.architectures.llava import features
from mfu_planner.architectures.model import Block
from mfu_planner.architectures.parts import norm
from mfu_planner.architectures.towers import Blocks, linear, two_layers
from mfu_planner.operators import Elementwise, Rows, Stream

_TILES = "an image that the processor cuts into tiles is as many images"


def _tower(c: Config, *, pooled: bool) -> tuple[Blocks, Operators, int, int]:
    """A SigLIP tower's layers, what stands behind them, its width and the tokens of an image."""
    tower, width, tokens = vision_tower(c, siglip=True, stream=Stream.IMAGE)
    rows = Rows(Stream.IMAGE, tokens)
    c.no_effect("projection_dim", "vocab_size", "max_num_patches", "size", "do_flip")
    unread = attention_pooling(c, tokens, Stream.IMAGE) if pooled else ()
    return tower, (norm("vision_final_norm", width, bias=True, rows=rows), *without_gradients(unread)), width, tokens


def _merged(outer: Config, tokens: int, field: str) -> tuple[int, Rows]:
    """Tokens that are joined on a side, and the rows that are left."""
    side = outer.size(field)
    return side, Rows(Stream.IMAGE, tokens // side**2)


def idefics3_tower(outer: Config, c: Config, hidden: int, notes: list[str]) -> Blocks:
    """Idefics3, SmolVLM: shuffled patches, one product without bias."""
    tower, last, width, tokens = _tower(c, pooled=False)
    side, rows = _merged(outer, tokens, "scale_factor")
    outer.no_effect("pad_token_id")
    notes.append(f"{outer.origin}: {_TILES}")
    projector = linear("projector", width * side**2, hidden, rows, bias=False)
    return (*tower, Block("vision output", (*last, projector), stack="vision"))


def lfm2_tower(outer: Config, c: Config, hidden: int, notes: list[str]) -> Blocks:
    """LFM2-VL: SigLIP 2 at its own resolution, shuffled patches, a norm and two layers."""
    tower, last, width, tokens = _tower(c, pooled=c.flag("vision_use_head", default=True))
    side, rows = _merged(outer, tokens, "downsample_factor")
    wide, bias = width * side**2, outer.flag("projector_bias", default=True)
    before = outer.flag("projector_use_layernorm", default=True)
    outer.no_effect(
        "do_image_splitting", "encoder_patch_size", "max_image_tokens", "max_num_patches", "max_pixels_tolerance",
        "max_tiles", "min_image_tokens", "min_tiles", "tile_size", "use_image_special_tokens", "use_thumbnail",
        "vision_feature_layer",
    )  # fmt: skip
    notes.append(f"{outer.origin}: {_TILES}")
    projector = (
        *((norm("projector_norm", wide, bias=True, rows=rows),) if before else ()),
        *two_layers(wide, outer.size("projector_hidden_size"), hidden, rows, bias=bias),
    )
    return (*tower, Block("vision output", (*last, *projector), stack="vision"))


def paligemma_tower(outer: Config, c: Config, hidden: int, notes: list[str]) -> Blocks:
    """PaliGemma: every patch becomes a token through one product."""
    tower, last, width, tokens = _tower(c, pooled=c.flag("vision_use_head", default=True))
    outer.no_effect("hidden_size", "vocab_size", "num_image_tokens")
    c.no_effect("num_image_tokens")
    notes.append("images and prompt see one another in PaliGemma; `causal` counts them as text")
    projector = linear(
        "projector", width, outer.size("projection_dim", default=hidden), Rows(Stream.IMAGE, tokens), bias=True
    )
    return (*tower, Block("vision output", (*last, projector), stack="vision"))


def cohere_tower(outer: Config, c: Config, hidden: int, notes: list[str]) -> Blocks:
    """Aya Vision and Command A Vision: shuffled patches, a gated product (SwiGLU), a product to the decoder's width."""
    seen = features(outer, c, notes)
    side, rows = _merged(outer, seen.rows.factor, "downsample_factor")
    wide, inner = seen.width * side**2, outer.size("alignment_intermediate_size", default=hidden)
    notes.append(f"{outer.origin}: {_TILES}")
    last = (
        *seen.last,
        *((norm("projector_norm", wide, bias=True, rows=rows),) if outer.model_type == "aya_vision" else ()),
        linear("projector_1", wide, inner, rows, bias=True),
        Elementwise(name="projector_activation", width=inner // 2, read=2, kept=2, rows=rows),
        linear("projector_2", inner // 2, hidden, rows, bias=True),
    )
    return (*seen.tower, Block("vision output", last, stack="vision"))
