"""Phi-4 multimodal: Phi-3's decoder, a SigLIP tower over crops of an image, a conformer over sound.

References
----------
.. [1] Microsoft 2025, arXiv:2503.01743 (Phi-4-Mini: an image is its crops of 448 pixels and the whole of it).
.. [2] Gulati et al. 2020, arXiv:2005.08100 (conformer).
"""

from __future__ import annotations

from dataclasses import replace

from mfu_planner.architectures.clip import attention_pooling, vision_tower
from mfu_planner.architectures.config import Config
from mfu_planner.architectures.defaults import defaults_of
from mfu_planner.architectures.layers import Operators, Sizes, attention_of, without_gradients
from mfu_planner.architectures.model import Architecture, Block
from mfu_planner.architectures.multimodal import joined
from mfu_planner.architectures.parts import gated_mlp, norm
from mfu_planner.architectures.registry import importer_of
from mfu_planner.architectures.sound import CLIP_FRAMES, tower
from mfu_planner.architectures.towers import Blocks, linear, two_layers
from mfu_planner.architectures.vit import free_vectors
from mfu_planner.errors import InputError
from mfu_planner.numeric import ceil_div
from mfu_planner.numeric.letters import plain
from mfu_planner.operators import ALL, Convolution, Elementwise, Rows, Stream

_MOST_FRAMES = 500
"""Frames that see one another; longer clips are cut (``Phi4MultimodalAudioModel``)."""


def _image_tower(outer: Config, c: Config, hidden: int, notes: list[str]) -> Blocks:
    """Crops and the whole image through the tower but for its last layer; halved sides; a vector ends each row."""
    size = c.size("crop_size")
    side = outer.image_size or size
    if not outer.image_size:
        notes.append(f"{c.origin}: images of one crop, {size} pixels a side: --image-size says another size")
    across = ceil_div(side, size)
    crops = across * across + 1
    (first, layers), width, tokens = vision_tower(c, siglip=True, stream=Stream.IMAGE, tiles=crops)
    total = len(layers.layers)
    read = c.data.get("feature_layer", c.defaults.get("feature_layer", -2))
    c.no_effect("feature_layer", "image_token_id", "vision_use_head")
    if type(read) is not int or not -total - 1 <= read <= total:
        raise InputError(f"{c.origin}: feature_layer", read, f"a layer of the tower, which has {total}")
    deepest = read if read >= 0 else total + 1 + read
    patches = c.pair("image_size")[0] // c.pair("patch_size")[0]
    half = ceil_div(patches, 2)
    rows = Rows(Stream.IMAGE, across * half * (across * half + 1) + 1 + half * (half + 1))
    unread = (
        norm("vision_final_norm", width, bias=True, rows=Rows(Stream.IMAGE, crops * tokens)),
        *attention_pooling(c, tokens, Stream.IMAGE, tiles=crops),
    )
    last = (
        *without_gradients(unread),
        free_vectors("projector_ends", 2, width, Rows(Stream.IMAGE)),
        *two_layers(width, hidden, hidden, rows, bias=True),
    )
    rest = replace(layers, operators=without_gradients(layers.operators), layers=layers.layers[deepest:])
    return (
        first,
        replace(layers, layers=layers.layers[:deepest]),
        *((rest,) if rest.layers else ()),
        Block("vision output", last, stack="vision"),
    )


def _subsampled(c: Config, width: int) -> tuple[Operators, int]:
    """Convolutions that halve time and frequency, depthwise but for the first; the frames that are left."""
    channels, times = c.size("nemo_conv_channels"), plain(c.size("time_reduction")).bit_length() - 1
    frames, height = CLIP_FRAMES, c.size("input_size")
    found: Operators = ()
    for number in range(1, times + 1):
        frames, height = ceil_div(frames, 2), ceil_div(height, 2)
        rows, first = Rows(Stream.CLIP, frames * height), number == 1
        found += (
            Convolution(
                name=f"audio_conv_{number}",
                in_channels=1 if first else channels,
                out_channels=channels,
                kernel=9,
                groups=1 if first else channels,
                bias=True,
                rows=rows,
                input_grad=not first,
            ),
        )
        if not first:
            found += (
                Convolution(
                    name=f"audio_point_conv_{number}",
                    in_channels=channels,
                    out_channels=channels,
                    kernel=1,
                    bias=True,
                    rows=rows,
                ),
            )
    return (*found, linear("audio_conv_proj", channels * height, width, Rows(Stream.CLIP, frames), bias=True)), frames


def _conformer(c: Config, s: Sizes, rows: Rows, pairs: int) -> Operators:
    """Half an MLP, attention, a gated convolution, half an MLP."""
    wide, kernel = c.size("ext_pw_out_channel"), c.size("kernel_size")
    inner, out = s.hidden * c.size("depthwise_multiplier"), c.size("depthwise_separable_out_channel")
    padded = Rows(Stream.CLIP, rows.factor + kernel - 1)

    def mlp(name: str) -> Operators:
        operators = gated_mlp(s.hidden, s.ffn, bias=True, rows=rows, fused=True)
        return (
            norm(f"{name}_norm", s.hidden, bias=True, rows=rows),
            *(replace(op, name=f"{name}_{op.name}") for op in operators),
        )

    def point(name: str, inputs: int, outputs: int, at: Rows) -> Convolution:
        return Convolution(name=name, in_channels=inputs, out_channels=outputs, kernel=1, bias=True, rows=at)

    return (
        *mlp("first"),
        norm("attention_norm", s.hidden, bias=True, rows=rows),
        *attention_of(s, ALL, bias=True, rotary=False, rows=rows, unit_pairs=pairs),
        norm("convolution_norm", s.hidden, bias=True, rows=rows),
        point("gate_conv", s.hidden, 2 * wide, rows),
        Elementwise(name="convolution_gate", width=wide, read=2, kept=2, weights=2 * wide, rows=rows),
        Convolution(
            name="depthwise_conv",
            in_channels=s.hidden,
            out_channels=inner,
            kernel=kernel,
            groups=s.hidden,
            bias=True,
            rows=padded,
        ),
        point("depthwise_point_conv", inner, out, padded),
        point("out_conv", s.hidden, wide, rows),
        *mlp("second"),
        norm("final_norm", s.hidden, bias=True, rows=rows),
    )


def _audio_tower(c: Config, hidden: int) -> Blocks:
    """The conformer with its table of relative positions; one of two projectors works, the other waits for images."""
    width, heads = c.size("hidden_size"), c.size("num_attention_heads")
    s = Sizes(
        hidden=width,
        heads=heads,
        kv_heads=heads,
        ffn=c.size("intermediate_size"),
        vocab=0,
        layers=c.size("num_blocks"),
        head_dim=c.divides("hidden_size / num_attention_heads", width, heads, letter="h"),
    )
    c.no_effect(
        "activation", "chunk_size", "left_chunk", "conv_activation", "conv_glu_type", "nemo_activation",
        "nemo_final_size", "audio_token_id", "feature_layer",
    )  # fmt: skip
    stem, frames = _subsampled(c, width)
    pieces = ceil_div(frames, _MOST_FRAMES) if frames > _MOST_FRAMES else 1
    each = _MOST_FRAMES if pieces > 1 else frames
    rows, left = Rows(Stream.CLIP, pieces * each), Rows(Stream.CLIP, frames)
    entries = c.size("bias_max_distance") * (1 if c.flag("bias_symmetric", default=False) else 2)
    inputs = width * c.size("downsample_rate")
    idle = (
        replace(op, name=op.name.replace("projector", "projector_with_images"))
        for op in two_layers(inputs, hidden, hidden, Rows(Stream.CLIP, 0), bias=True)
    )
    first = (*stem, free_vectors("relative_positions", entries, heads, Rows(Stream.CLIP)))
    last = (*two_layers(inputs, hidden, hidden, left, bias=True), *idle)
    return tower(first, _conformer(c, s, rows, pieces * each * each), s.layers, last)


def _phi4(c: Config) -> Architecture:
    notes: list[str] = []
    text = importer_of("phi3", c.origin)(c)
    vision = c.part("vision_config", defaults_of("phi4_multimodal_vision"), resized=False)
    audio = c.part("audio_config", defaults_of("phi4_multimodal_audio"))
    for part in (vision, audio):
        part.no_effect("model_type")
    towers = (*_image_tower(c, vision, text.hidden, notes), *_audio_tower(audio, text.hidden))
    c.no_effect("vision_config", "audio_config", "original_max_position_embeddings")
    return joined(c, text, towers, notes)


IMPORTERS = {"phi4_multimodal": _phi4}
