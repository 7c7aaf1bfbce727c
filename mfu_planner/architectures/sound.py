"""Audio encoders of Whisper's kind: convolutions over mel frames, layers over what is left of them.

A clip is as long as the tower's window: 3,000 frames of 10 ms for Whisper's 30 seconds [1]_.

References
----------
.. [1] Radford et al. 2022, arXiv:2212.04356, section 2.2.
.. [2] Chu et al. 2024, arXiv:2407.10759 (Qwen2-Audio); Xu et al. 2025, arXiv:2503.20215 (Qwen2.5-Omni: blocks of 2 s).
.. [3] Qwen Team 2025, arXiv:2509.17765 (Qwen3-Omni: AuT, which keeps 12.5 vectors a second).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.layers import Operators, Sizes, attention_of, pre_norm
from mfu_planner.architectures.model import Block, layer_numbers
from mfu_planner.architectures.parts import norm, plain_mlp, positions
from mfu_planner.architectures.towers import Blocks, linear, two_layers
from mfu_planner.architectures.vit import free_vectors
from mfu_planner.numeric import ceil_div
from mfu_planner.operators import ALL, Convolution, Rows, Stream

_KERNEL, _STRIDE = 3, 2
"""Width of the convolutions over time; the second halves the frames."""
CLIP_FRAMES = 3000
"""Mel frames of a clip where the config does not bound it [1]_."""


def whisper_stem(mels: int, hidden: int, before: Rows, after: Rows) -> Operators:
    """Two convolutions over time; the second halves the frames."""
    return (
        Convolution(
            name="audio_conv_1",
            in_channels=mels,
            out_channels=hidden,
            kernel=_KERNEL,
            bias=True,
            input_grad=False,
            rows=before,
        ),
        Convolution(
            name="audio_conv_2", in_channels=hidden, out_channels=hidden, kernel=_KERNEL, bias=True, rows=after
        ),
    )


def sound_layer(s: Sizes, rows: Rows, pairs: int = 0, *, k_bias: bool = False) -> Operators:
    """A layer of Whisper's encoder: norms before the branches, a plain MLP, keys without a bias."""
    attention = attention_of(s, ALL, bias=True, k_bias=k_bias, rotary=False, rows=rows, unit_pairs=pairs)
    return pre_norm(s, attention, plain_mlp(s.hidden, s.ffn, rows=rows), bias=True, rows=rows)


def tower(first: Operators, layer: Operators, layers: int, last: Operators) -> Blocks:
    """An audio tower of equal layers."""
    return (
        Block("audio embedding", first, stack="audio"),
        Block("audio layer", layer, layer_numbers(layers), stack="audio"),
        Block("audio output", last, stack="audio"),
    )


def encoder_sizes(c: Config) -> Sizes:
    """Sizes under Whisper's names, or under those of other towers."""
    hidden, heads = c.size("d_model", "hidden_size"), c.size("encoder_attention_heads", "num_attention_heads")
    c.no_effect(
        "activation_function", "encoder_layerdrop", "scale_embedding", "vocab_size", "num_hidden_layers", "head_dim",
        "num_key_value_heads", "apply_spec_augment", "conv_chunksize",
    )  # fmt: skip
    return Sizes(
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        ffn=c.size("encoder_ffn_dim", "intermediate_size"),
        vocab=0,
        layers=c.size("encoder_layers", "num_hidden_layers"),
        head_dim=c.divides("d_model / encoder_attention_heads", hidden, heads, letter="h"),
    )


def whole_clip_tower(outer: Config, c: Config, hidden: int) -> Blocks:
    """Every frame sees every other: Qwen2-Audio, Audio Flamingo 3 (frames halved again), Voxtral (four become one)."""
    s, frames = encoder_sizes(c), c.size("max_source_positions")
    rows = Rows(Stream.CLIP, frames)
    first = (
        *whisper_stem(c.size("num_mel_bins"), s.hidden, Rows(Stream.CLIP, _STRIDE * frames), rows),
        positions(frames, s.hidden, rows=rows, name="audio_position_embedding"),
    )
    pooled = Rows(Stream.CLIP, frames // 2)
    last: Operators
    if outer.model_type == "voxtral":
        merged = Rows(Stream.CLIP, frames * s.hidden // s.ffn)
        last = (
            norm("audio_final_norm", s.hidden, bias=True, rows=rows),
            *two_layers(s.ffn, hidden, hidden, merged, bias=False),
        )
    elif outer.model_type == "qwen2_audio":
        last = (
            norm("audio_final_norm", s.hidden, bias=True, rows=pooled),
            linear("projector", s.hidden, hidden, pooled, bias=True),
        )
    else:
        last = (
            norm("audio_final_norm", s.hidden, bias=True, rows=pooled),
            *two_layers(s.hidden, hidden, hidden, pooled, bias=outer.flag("projector_bias", default=True)),
        )
    return tower(first, sound_layer(s, rows, frames * frames), s.layers, last)


def _blocks(total: int, size: int) -> int:
    """Σ n² over the pieces of ``size`` that a clip is cut into, the last one shorter."""
    return total // size * size**2 + (total % size) ** 2


def block_tower(outer: Config, c: Config, hidden: int) -> Blocks:
    """Qwen2.5-Omni: blocks of ``2 · n_window`` mel frames that are convolved and attended to apart."""
    del outer, hidden
    s, frames = encoder_sizes(c), _STRIDE * c.size("max_source_positions")
    chunk = 2 * c.size("n_window")
    chunks, out = ceil_div(frames, chunk), c.size("output_dim")
    kept = frames // chunk * ceil_div(chunk, 2) + ceil_div(frames % chunk, 2)
    rows, pooled = Rows(Stream.CLIP, kept), Rows(Stream.CLIP, ceil_div(frames, 2) // 2)
    first = whisper_stem(
        c.size("num_mel_bins"),
        s.hidden,
        Rows(Stream.CLIP, chunks * chunk),
        Rows(Stream.CLIP, chunks * ceil_div(chunk, 2)),
    )
    last = (
        norm("audio_final_norm", s.hidden, bias=True, rows=pooled),
        linear("projector", s.hidden, out, pooled, bias=True),
        free_vectors("projector_ends", 2, out, Rows(Stream.CLIP)),
    )
    return tower(first, sound_layer(s, rows, _blocks(kept, ceil_div(chunk, 2))), s.layers, last)


def aut_tower(outer: Config, c: Config, hidden: int) -> Blocks:
    """AuT (Qwen3-Omni, Qwen3-ASR): three convolutions over time and frequency, layers that see some blocks at once."""
    del outer, hidden
    s, channels, mels = encoder_sizes(c), c.size("downsample_hidden_size"), c.size("num_mel_bins")
    limit = c.size("max_source_positions", default=CLIP_FRAMES // _STRIDE)
    frames, chunk, seen = _STRIDE * limit, 2 * c.size("n_window"), c.size("n_window_infer")
    c.no_effect("max_position_embeddings")
    chunks, first, inputs = ceil_div(frames, chunk), tuple[Convolution, ...](), 1
    time, height, left = chunk, mels, frames % chunk
    for number in range(1, 4):
        time, height, left = ceil_div(time, 2), ceil_div(height, 2), ceil_div(left, 2)
        first += (
            Convolution(
                name=f"audio_conv_{number}",
                in_channels=inputs,
                out_channels=channels,
                kernel=_KERNEL * _KERNEL,
                bias=True,
                rows=Rows(Stream.CLIP, chunks * time * height),
                input_grad=number > 1,
            ),
        )
        inputs = channels
    kept = frames // chunk * time + left
    rows = Rows(Stream.CLIP, kept)
    last = (
        norm("audio_final_norm", s.hidden, bias=True, rows=rows),
        *two_layers(s.hidden, s.hidden, c.size("output_dim"), rows, bias=True),
    )
    out = linear("audio_conv_proj", channels * height, s.hidden, Rows(Stream.CLIP, chunks * time), bias=False)
    pairs = _blocks(kept, seen // chunk * time)
    return tower((*first, out), sound_layer(s, rows, pairs, k_bias=True), s.layers, last)
