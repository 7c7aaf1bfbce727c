"""Gemma 4 unified and Molmo 2: patches that a projection alone brings to the decoder; patches pooled by attention.

References
----------
.. [1] Google DeepMind 2026, https://ai.google.dev/gemma/docs/core (Gemma 4: encoder-free variants).
.. [2] Clark et al. 2026, arXiv:2601.10611 (Molmo 2: windows of 2 × 2 patches of an image become one vector).
"""

from __future__ import annotations

from dataclasses import replace

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.defaults import defaults_of
from mfu_planner.architectures.dense import decoder, usual_sizes
from mfu_planner.architectures.layers import (
    Operators,
    Sizes,
    attention_of,
    head_norms,
    post_norm,
    pre_norm,
    whole_norms,
    without_gradients,
)
from mfu_planner.architectures.model import Architecture, Block, layer_numbers
from mfu_planner.architectures.parts import gated_mlp, norm, plain_mlp
from mfu_planner.architectures.towers import Blocks, linear
from mfu_planner.architectures.vit import free_vectors
from mfu_planner.errors import InputError
from mfu_planner.numeric import ceil_div
from mfu_planner.operators import ALL, Attention, Lookup, MatMul, Norm, Role, Rows, Split, Stream

_CLIP_SAMPLES = 480_000
"""Samples of a clip: 30 seconds of 16,000, as Whisper's (arXiv:2212.04356, section 2.2)."""
_POOL = 2
"""Patches on each side of a window that becomes one vector, for images (section 3 of [2]_)."""


def _projected(prefix: str, inputs: int, hidden: int, rows: Rows, *, given: bool) -> Operators:
    """A norm without weights and a product to the decoder's width; ``given``: of data, which needs no gradient."""
    return (
        Norm(name=f"{prefix}norm", width=inputs, weight=False, rows=rows),
        replace(linear(f"{prefix}proj", inputs, hidden, rows, bias=False), input_grad=not given),
    )


def unified_towers(outer: Config, c: Config, hidden: int, notes: list[str]) -> Blocks:
    """Patches normed, projected and placed; sound as it comes, projected."""
    side = c.pair("patch_size")[0] * c.size("pooling_kernel_size")
    c.no_effect("model_patch_size", "num_soft_tokens", "default_output_length")
    across = 0
    if c.image_size:
        across = c.image_size // side
    else:
        notes.append(f"{c.origin}: the images have any size: give one (--image-size) to count their patches")
    rows, width, inner = Rows(Stream.IMAGE, across * across), 3 * side * side, c.size("mm_embed_dim")
    first = (
        norm("patch_norm", width, bias=True, rows=rows),
        linear("patch_embedding", width, inner, rows, bias=True),
        norm("embedding_norm", inner, bias=True, rows=rows),
        free_vectors("vision_position_embedding", 2 * c.size("mm_posemb_size"), inner, rows),
        norm("position_norm", inner, bias=True, rows=rows),
        *_projected("projector_", c.size("output_proj_dims"), hidden, rows, given=False),
    )
    outer.no_effect("vision_soft_tokens_per_image")
    found: Blocks = (Block("vision embedding", first, stack="vision"),)
    if outer.raw("audio_config") is None:
        return found
    audio = outer.part("audio_config", defaults_of("gemma4_unified_audio"))
    audio.no_effect("model_type", "output_proj_dims", "hidden_size")
    wide = audio.size("audio_embed_dim")
    sound = _projected("projector_audio_", wide, hidden, Rows(Stream.CLIP, _CLIP_SAMPLES // wide), given=True)
    return (*found, Block("audio embedding", sound, stack="audio"))


def molmo2_text(c: Config) -> Architecture:
    """Qwen 3's kind or OLMo's: norms on each head or on all at once, before the branches or behind them."""
    s = usual_sizes(c, head_dim_apart=True, kv_heads_from_heads=False)
    kind, more = c.text("qk_norm_type", default="qwen3"), c.size("additional_vocab_size", default=0, least=0)
    if kind not in ("qwen3", "olmo"):
        raise InputError(f"{c.origin}: qk_norm_type", kind, "qwen3 or olmo")
    c.no_effect("hidden_act", "rope_scaling_layers", "residual_dropout", "embedding_dropout", "use_qk_norm", "qkv_bias")
    norms = head_norms(s) if kind == "qwen3" else whole_norms(s)
    bias = c.flag("attention_bias", default=False)
    join = post_norm if c.flag("norm_after", default=False) else pre_norm
    layer = join(s, attention_of(s, bias=bias, out_bias=False, qk_norm=norms), gated_mlp(s.hidden, s.ffn))
    built = decoder(c, s, layer, tied_default=False)
    table, *rest = built.blocks[0].operators
    if isinstance(table, Lookup):
        table = replace(table, entries=table.entries + more)
    return replace(built, blocks=(replace(built.blocks[0], operators=(table, *rest)), *built.blocks[1:]))


def _molmo2_layer(c: Config, s: Sizes, rows: Rows) -> Operators:
    bias = c.flag("attention_bias", default=True)
    attention = attention_of(s, ALL, bias=bias, rotary=False, rows=rows, unit_pairs=rows.factor * rows.factor)
    return pre_norm(s, attention, plain_mlp(s.hidden, s.ffn, rows=rows), bias=True, rows=rows)


def molmo2_tower(outer: Config, c: Config, hidden: int, notes: list[str]) -> Blocks:
    """Plain layers up to the deepest that is read; windows of patches pooled by attention, then a gated MLP."""
    heads, width = c.size("num_attention_heads"), c.size("hidden_size")
    s = Sizes(
        hidden=width,
        heads=heads,
        kv_heads=c.size("num_key_value_heads"),
        head_dim=c.size("head_dim"),
        ffn=c.size("intermediate_size"),
        vocab=0,
        layers=c.size("num_hidden_layers"),
    )
    (height, wide), patch = c.image(default=(378, 378)), c.size("patch_size")
    own = c.pair("image_size", default=(378, 378))
    down, across = height // patch, wide // patch
    rows, pooled = (
        Rows(Stream.IMAGE, down * across),
        Rows(Stream.IMAGE, ceil_div(down, _POOL) * ceil_div(across, _POOL)),
    )
    c.no_effect("hidden_act", "image_default_input_size")
    entries = c.size("num_position_embeddings", default=(own[0] // patch) * (own[1] // patch))
    a = outer.part("adapter_config", defaults_of("molmo2_adapter"))
    a.no_effect("hidden_act", "model_type", "attention_dropout")
    for name, size in (("hidden_size", width), ("text_hidden_size", hidden)):
        if a.has(name) and a.size(name) != size:
            raise InputError(f"{a.origin}: {name}", a.size(name), f"{size}, the width that it meets")
    taken = a.raw("vision_feature_layer", a.defaults.get("vision_feature_layer"))
    if not isinstance(taken, list) or not taken or not all(type(n) is int and -s.layers <= n < s.layers for n in taken):
        raise InputError(f"{a.origin}: vision_feature_layer", taken, f"layers of the tower, which has {s.layers}")
    deepest = max(n + 1 if n >= 0 else s.layers + 1 + n for n in taken)
    layer, numbers = _molmo2_layer(c, s, rows), layer_numbers(s.layers)
    unread = (Block("vision layer", without_gradients(layer), numbers[deepest:], stack="vision"),)
    notes.append(f"{outer.origin}: an image that the processor cuts into crops is as many images")
    outer.no_effect(
        "frame_start_token_id", "frame_end_token_id", "image_col_id", "image_patch_id", "low_res_image_start_token_id",
        "image_low_res_id", "use_frame_special_tokens",
    )  # fmt: skip
    first = (
        replace(
            linear("patch_embedding", c.size("num_channels") * patch * patch, width, rows, bias=True), input_grad=False
        ),
        free_vectors("vision_position_embedding", entries, width, rows),
    )
    return (
        Block("vision embedding", first, stack="vision"),
        Block("vision layer", layer, numbers[:deepest], stack="vision"),
        *(unread if deepest < s.layers else ()),
        Block("vision output", _pooled(a, width * len(taken), pooled, hidden), stack="vision"),
    )


def _pooled(a: Config, inputs: int, rows: Rows, hidden: int) -> Operators:
    """The mean of a window attends to its patches; a gated MLP to the decoder's width."""
    heads, kv_heads, size = a.size("num_attention_heads"), a.size("num_key_value_heads"), a.size("head_dim")
    width, bias = a.size("hidden_size"), a.flag("attention_bias", default=True)
    window = _POOL * _POOL
    keys = Rows(Stream.IMAGE, rows.factor * window)

    def project(name: str, inner: int, outer: int, at: Rows) -> MatMul:
        return MatMul(
            name=f"projector_{name}", inputs=inner, outputs=outer, bias=bias, role=Role.OTHER, split=Split.REPLICATED,
            rows=at,
        )  # fmt: skip

    attention = Attention(
        name="projector_attention", heads=heads, kv_heads=kv_heads, qk_dim=size, v_dim=size, mask=ALL, rows=rows,
        keys=keys, unit_pairs=rows.factor * window, role=Role.OTHER, split=Split.REPLICATED,
    )  # fmt: skip
    up, mlp_bias = a.size("intermediate_size"), a.flag("mlp_bias", default=False)
    mlp = gated_mlp(width, up, bias=mlp_bias, rows=rows, role=Role.OTHER)
    last = linear("projector_down_proj", up, hidden, rows, bias=False)
    return (
        project("q_proj", inputs, heads * size, rows),
        project("k_proj", inputs, kv_heads * size, keys),
        project("v_proj", inputs, kv_heads * size, keys),
        attention,
        project("o_proj", heads * size, width, rows),
        *(replace(op, name=f"projector_{op.name}") for op in mlp[:-1]),
        last,
    )


IMPORTERS = {"molmo2_text": molmo2_text}
