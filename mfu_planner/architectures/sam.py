"""SAM: a vision transformer of windows, and a light decoder that turns one prompt into masks.

The work is that of one prompt an image: a point or a box, two vectors either way.

References
----------
.. [1] Kirillov et al. 2023, arXiv:2304.02643 (Segment Anything).
"""

from __future__ import annotations

from itertools import pairwise

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.defaults import defaults_of
from mfu_planner.architectures.layers import Operators, Sizes, attention_of, pre_norm
from mfu_planner.architectures.model import Architecture, Block
from mfu_planner.architectures.parts import norm, plain_mlp, residual
from mfu_planner.architectures.task_heads import head_linear, sample_model
from mfu_planner.architectures.vit import free_vectors, patch_embedding
from mfu_planner.errors import InputError
from mfu_planner.numeric import ceil_div, floor
from mfu_planner.operators import ALL, Attention, Convolution, MatMul, Role, Rows, Split, Stream

_PROMPT = 2
"""Vectors of a prompt: a point and its padding, or two corners of a box."""
_NARROWED = 2
"""Width of the two-way layers over that of their attention (transformers passes its own default, not the config's)."""
_UPSCALED = 2
"""Factor of each of the two transposed convolutions behind the decoder, on each side."""


def _each(count: int) -> Rows:
    return Rows(Stream.SEQUENCE, count)


def _convolution(name: str, inputs: int, outputs: int, kernel: int, rows: Rows, *, bias: bool = True) -> Convolution:
    return Convolution(name=name, in_channels=inputs, out_channels=outputs, kernel=kernel, bias=bias, rows=rows)


def _relative(s: Sizes, positions: int, side: int, held: int) -> Operators:
    """Scores of queries against tables of distances by height and by width, made for sides of ``held``."""
    tables = free_vectors("relative_positions", 2 * (2 * held - 1), s.head_dim, _each(1))
    scores = MatMul(
        name="relative_scores", inputs=s.head_dim, outputs=2 * side, role=Role.ATTENTION, split=Split.REPLICATED,
        rows=_each(positions * s.heads), shared_with="relative_positions",
    )  # fmt: skip
    return (tables, scores)


def _vision_layer(c: Config, s: Sizes, side: int, held: int, window: int) -> Operators:
    """Attention inside windows of the padded map, or over all of it where ``window`` is 0; MLP on the map alone."""
    rows, edge = _each(side * side), window or side
    across = ceil_div(side, edge)
    padded = across * across * edge * edge
    attention = attention_of(
        s, ALL, bias=c.flag("qkv_bias"), out_bias=True, fused=True, rotary=False, rows=_each(padded),
        unit_pairs=padded * edge * edge,
    )  # fmt: skip
    if c.flag("use_rel_pos"):
        attention = (attention[0], *_relative(s, padded, edge, window or held), *attention[1:])
    return pre_norm(s, attention, plain_mlp(s.hidden, s.ffn, rows=rows), bias=True, rows=rows)


def _encoder(c: Config) -> tuple[list[Block], int, int]:
    """The image encoder; the side of its map, and the channels of it."""
    hidden, heads, layers = c.size("hidden_size"), c.size("num_attention_heads"), c.size("num_hidden_layers")
    ffn = c.size("mlp_dim", default=floor(hidden * c.number("mlp_ratio")))
    s = Sizes(
        hidden=hidden, heads=heads, kv_heads=heads, ffn=ffn, vocab=0, layers=layers,
        head_dim=c.divides("hidden_size / num_attention_heads", hidden, heads, letter="h"),
    )  # fmt: skip
    patch, out = c.size("patch_size"), c.size("output_channels")
    side, held = (size // patch for size in (c.image()[0], c.pair("image_size")[0]))
    window, everywhere = c.size("window_size", least=0), c.raw("global_attn_indexes")
    everywhere = c.defaults.get("global_attn_indexes") if everywhere is None else everywhere
    if not isinstance(everywhere, list) or not all(type(n) is int for n in everywhere):
        raise InputError(f"{c.origin}: global_attn_indexes", everywhere, "a list of layer numbers")
    c.no_effect(
        "hidden_act", "mlp_ratio", "num_pos_feats", "model_type", "projection_dim", "scale", "global_attn_indexes"
    )
    rows = _each(side * side)
    first: Operators = (patch_embedding(c.size("num_channels"), hidden, (patch, patch), rows),)
    if c.flag("use_abs_pos"):
        first += (free_vectors("position_embedding", held * held, hidden, rows),)
    inside = tuple(n for n in range(layers) if n not in everywhere)
    whole = tuple(n for n in range(layers) if n in everywhere)
    blocks = [Block("vision embedding", first, stack="vision")]
    if inside:
        blocks.append(Block("window layer", _vision_layer(c, s, side, held, window), inside, stack="vision"))
    if whole:
        blocks.append(Block("global layer", _vision_layer(c, s, side, held, 0), whole, stack="vision"))
    neck = (
        _convolution("neck_1", hidden, out, 1, rows, bias=False),
        norm("neck_norm_1", out, bias=True, rows=rows),
        _convolution("neck_2", out, out, 9, rows, bias=False),
        norm("neck_norm_2", out, bias=True, rows=rows),
    )
    return [*blocks, Block("neck", neck, stack="vision")], side, out


def _attend(name: str, hidden: int, inner: int, heads: int, rows: Rows, keys: Rows) -> Operators:
    """Attention with biases, from one set of vectors to another, in a narrower space."""

    def project(part: str, at: Rows, inputs: int, outputs: int, split: Split = Split.COLUMN) -> MatMul:
        return MatMul(
            name=f"{name}_{part}", inputs=inputs, outputs=outputs, bias=True, role=Role.ATTENTION, split=split, rows=at
        )

    return (
        project("q_proj", rows, hidden, inner),
        project("k_proj", keys, hidden, inner),
        project("v_proj", keys, hidden, inner),
        Attention(
            name=f"{name}_attention", heads=heads, kv_heads=heads, qk_dim=inner // heads, v_dim=inner // heads,
            mask=ALL, rows=rows, keys=keys,
        ),
        project("o_proj", rows, inner, hidden, Split.ROW),
        residual(f"{name}_residual", hidden, rows=rows),
        norm(f"{name}_norm", hidden, bias=True, rows=rows),
    )  # fmt: skip


def _layers(name: str, inputs: int, inner: int, outputs: int, depth: int, rows: Rows, copies: int = 1) -> Operators:
    """``copies`` small networks of ``depth`` layers, each on its own row."""
    widths = [inputs, *[inner] * (max(depth, 2) - 1), outputs]
    return tuple(
        head_linear(f"{name}_{copy}_{n}", before, after, rows=rows)
        for copy in range(copies)
        for n, (before, after) in enumerate(pairwise(widths))
    )


def _decoder(c: Config, side: int) -> list[Block]:
    """Two-way layers between the prompt's vectors and the map, and the masks of the upscaled map."""
    hidden, heads, ffn = c.size("hidden_size"), c.size("num_attention_heads"), c.size("mlp_dim")
    inner = c.divides("hidden_size / 2", hidden, _NARROWED)
    last = c.divides("hidden_size / attention_downsample_rate", hidden, c.size("attention_downsample_rate"))
    masks, layers = c.size("num_multimask_outputs") + 1, c.size("num_hidden_layers")
    c.no_effect("hidden_act", "model_type")
    tokens, grid, one = _each(_PROMPT + 1 + masks), _each(side * side), _each(1)
    layer = (
        *_attend("own", hidden, hidden, heads, tokens, tokens),
        *_attend("image", hidden, inner, heads, tokens, grid),
        *plain_mlp(hidden, ffn, rows=tokens),
        residual("mlp_residual", hidden, rows=tokens),
        norm("mlp_norm", hidden, bias=True, rows=tokens),
        *_attend("back", hidden, inner, heads, grid, tokens),
    )
    wide, narrow = hidden // 4, hidden // 8
    larger = side * _UPSCALED
    fine = _each((larger * _UPSCALED) ** 2)
    output = (
        *_attend("final", hidden, last, heads, tokens, grid),
        _convolution("upscale_1", hidden, wide, _UPSCALED**2, grid),
        norm("upscale_norm", wide, bias=True, rows=_each(larger**2)),
        _convolution("upscale_2", wide, narrow, _UPSCALED**2, _each(larger**2)),
        *_layers("mask_network", hidden, hidden, narrow, 3, one, masks),
        Attention(
            name="masks", heads=1, kv_heads=1, qk_dim=narrow, v_dim=0, mask=ALL, rows=_each(masks), keys=fine,
            role=Role.HEAD,
        ),
        *_layers("quality", hidden, c.size("iou_head_hidden_dim"), masks, c.size("iou_head_depth"), one),
    )  # fmt: skip
    first = (free_vectors("mask_tokens", masks + 1, hidden, tokens),)
    return [
        Block("prompt tokens", first, stack="vision"),
        Block("two-way layer", layer, tuple(range(layers)), stack="vision"),
        Block("masks", output, stack="vision"),
    ]


def _prompt(c: Config, waves: int, side: int, *, tied: bool) -> Block:
    """Waves that stand for places; tables of the kinds of prompt; what would read a mask, which is not given one."""
    hidden, channels, none = c.size("hidden_size"), c.size("mask_input_channels"), _each(0)
    c.no_effect("hidden_act", "image_size", "patch_size", "model_type")
    places = MatMul(
        name="places",
        inputs=2,
        outputs=waves,
        rows=Rows(Stream.ONCE, side * side),
        input_grad=False,
        role=Role.POSITION,
    )
    operators = (
        places,
        MatMul(
            name="prompt_places", inputs=2, outputs=waves, rows=_each(_PROMPT), input_grad=False, role=Role.POSITION,
            shared_with="places" if tied else "",
        ),
        free_vectors("prompt_kinds", c.size("num_point_embeddings") + 2, hidden, _each(_PROMPT)),
        _convolution("mask_1", 1, channels // 4, 4, none),
        norm("mask_norm_1", channels // 4, bias=True, rows=none),
        _convolution("mask_2", channels // 4, channels, 4, none),
        norm("mask_norm_2", channels // 4 * 4, bias=True, rows=none),
        _convolution("mask_3", channels, hidden, 1, none),
    )  # fmt: skip
    return Block("prompt", operators, stack="vision")


def _sam(c: Config) -> Architecture:
    vision = c.part("vision_config", defaults_of("sam_vision_model"))
    blocks, side, _ = _encoder(vision)
    waves = vision.size("num_pos_feats")
    tied = c.flag("tie_word_embeddings", default=True)
    prompt = _prompt(c.part("prompt_encoder_config", defaults_of("sam_prompt_encoder")), waves, side, tied=tied)
    masks = _decoder(c.part("mask_decoder_config", defaults_of("sam_mask_decoder")), side)
    return sample_model(
        c, hidden=vision.size("hidden_size"), length=side * side, blocks=[*blocks, prompt, *masks],
        notes=["one prompt for each image: a point or a box"],
    )  # fmt: skip


def _sam_vision(c: Config) -> Architecture:
    blocks, side, _ = _encoder(c)
    return sample_model(c, hidden=c.size("hidden_size"), length=side * side, blocks=blocks)


IMPORTERS = {"sam": _sam, "sam_vision_model": _sam_vision}
