"""Image towers of models that read documents: GLM-OCR, PaddleOCR-VL, ERNIE 4.5 VL.

References
----------
.. [1] Z.ai 2026, https://huggingface.co/zai-org/GLM-OCR.
.. [2] Cui et al. 2025, arXiv:2510.14528 (PaddleOCR-VL).
.. [3] Baidu 2025, https://huggingface.co/baidu/ERNIE-4.5-VL-28B-A3B-PT.
"""

from __future__ import annotations

from dataclasses import replace

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.layers import Operators, Sizes, attention_of, pre_norm
from mfu_planner.architectures.parts import gated_mlp, norm, plain_mlp
from mfu_planner.architectures.qwen_vision import Grid, image_grid
from mfu_planner.architectures.towers import Blocks, blocks, linear, two_layers
from mfu_planner.architectures.vit import free_vectors, patch_embedding, tower_sizes
from mfu_planner.operators import ALL, Convolution, Norm, Rows, Split


def _sizes(c: Config, ffn: int) -> Sizes:
    width, heads = c.size("hidden_size"), c.size("num_heads", "num_attention_heads")
    return Sizes(
        hidden=width,
        heads=heads,
        kv_heads=heads,
        ffn=ffn,
        vocab=0,
        layers=c.size("depth", "num_hidden_layers"),
        head_dim=c.divides("hidden_size / num_heads", width, heads, letter="h"),
    )


def glm_ocr_tower(outer: Config, c: Config, hidden: int, notes: list[str]) -> Blocks:
    """Norms on queries and keys, gated MLPs; squares merged by a convolution, then a gated MLP three times as wide."""
    del outer, hidden
    grid, out = image_grid(c, notes), c.size("out_hidden_size")
    s, bias = _sizes(c, c.size("intermediate_size")), c.flag("attention_bias", default=True)
    rows, merged, channels = grid.patches, grid.merged, c.size("in_channels")
    c.no_effect("hidden_act", "image_size", "rms_norm_eps", "rope_parameters")
    norms = tuple(Norm(name=f"{n}_norm", width=s.head_dim, vectors=s.heads, split=Split.HEADS, rows=rows) for n in "qk")
    attention = attention_of(s, ALL, bias=bias, fused=True, qk_norm=norms, rows=rows, unit_pairs=grid.all_pairs)
    layer = pre_norm(s, attention, gated_mlp(s.hidden, s.ffn, bias=bias, rows=rows), rows=rows)
    frames = c.size("temporal_patch_size")
    first: Operators = (patch_embedding(channels, s.hidden, c.pair("patch_size"), rows, frames=frames),)
    gated = (replace(op, name=f"merger_{op.name}") for op in gated_mlp(out, out * channels, rows=merged))
    last = (
        norm("vision_final_norm", s.hidden, rows=rows),
        Convolution(
            name="merger_convolution",
            in_channels=s.hidden,
            out_channels=out,
            kernel=grid.merge**2,
            bias=True,
            rows=merged,
        ),
        linear("merger_proj", out, out, merged, bias=False),
        norm("merger_norm", out, bias=True, rows=merged),
        *gated,
    )
    return blocks(first, layer, s.layers, last)


def paddleocr_tower(outer: Config, c: Config, hidden: int, notes: list[str]) -> Blocks:
    """SigLIP's layers with rotary positions beside the table; squares of patches through two layers."""
    s, grid = tower_sizes(c), image_grid(c, notes)
    rows, patch, own = grid.patches, c.pair("patch_size"), c.pair("image_size")
    outer.no_effect("compression_ratio")
    c.no_effect("hidden_act", "rope_parameters", "temporal_patch_size", "tokens_per_second")
    first = (
        patch_embedding(c.size("num_channels"), s.hidden, patch, rows),
        free_vectors("vision_position_embedding", (own[0] // patch[0]) * (own[1] // patch[1]), s.hidden, rows),
    )
    layer = pre_norm(
        s,
        attention_of(s, ALL, bias=True, rows=rows, unit_pairs=grid.all_pairs),
        plain_mlp(s.hidden, s.ffn, rows=rows),
        bias=True,
        rows=rows,
    )
    wide = s.hidden * grid.merge**2
    last = (
        norm("vision_final_norm", s.hidden, bias=True, rows=rows),
        norm("projector_norm", s.hidden, bias=True, rows=rows),
        *two_layers(wide, wide, hidden, grid.merged, bias=True),
    )
    return blocks(first, layer, s.layers, last)


def ernie_tower(c: Config, grid: Grid, hidden: int) -> Blocks:
    """Plain layers; squares of patches, then pairs of pictures, through two layers each (an image is its own pair)."""
    s, rows, merged = _sizes(c, c.size("intermediate_size")), grid.patches, grid.merged
    c.no_effect("hidden_act", "rms_norm_eps", "rope_parameters", "attn_sep", "vit_first_fwd_bsz")
    height, width = c.pair("patch_size")
    patch = linear("patch_embedding", c.size("in_channels") * height * width, s.hidden, rows, bias=False)
    layer = pre_norm(
        s,
        attention_of(s, ALL, bias=True, fused=True, rows=rows, unit_pairs=grid.all_pairs),
        plain_mlp(s.hidden, s.ffn, rows=rows),
        bias=True,
        rows=rows,
    )
    wide = s.hidden * grid.merge**2
    last = (
        norm("vision_final_norm", s.hidden, bias=True, rows=rows),
        *_resampled("spatial", wide, wide, merged),
        *_resampled("temporal", c.size("temporal_merge_size") * wide, wide, merged),
        linear("projector", wide, hidden, merged, bias=True),
        norm("projector_norm", hidden, rows=merged),
    )
    return blocks((replace(patch, input_grad=False),), layer, s.layers, last)


def _resampled(name: str, inputs: int, outputs: int, rows: Rows) -> Operators:
    layers = (
        replace(op, name=f"projector_{name}_{op.name}") for op in two_layers(inputs, outputs, outputs, rows, bias=True)
    )
    return (*layers, norm(f"projector_{name}_norm", outputs, bias=True, rows=rows))
