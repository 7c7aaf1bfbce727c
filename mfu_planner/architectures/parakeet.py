"""Parakeet: a FastConformer over mel frames, thinned eightfold, with scores from relative positions.

``seq_len`` counts mel frames: a hundred a second, so 1,000 are ten seconds.

References
----------
.. [1] Rekesh et al. 2023, arXiv:2305.05084 (FastConformer); transformers' ``modeling_parakeet.py``.
"""

from __future__ import annotations

from dataclasses import replace

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.defaults import defaults_of
from mfu_planner.architectures.layers import Operators, Sizes, attention_of
from mfu_planner.architectures.model import Architecture, Block, layer_numbers
from mfu_planner.architectures.parts import norm, plain_mlp
from mfu_planner.architectures.task_heads import head_linear
from mfu_planner.architectures.vit import tower_sizes
from mfu_planner.errors import InputError
from mfu_planner.numeric import ceil_div
from mfu_planner.numeric.letters import plain
from mfu_planner.operators import ALL, Attention, Convolution, Elementwise, MatMul, Norm, Role, Rows, Split


def _subsampled(c: Config, width: int) -> tuple[Operators, Rows]:
    """Convolutions that halve time and frequency, depthwise but for the first; the rows of the frames left."""
    channels, kernel = c.size("subsampling_conv_channels"), plain(c.size("subsampling_conv_kernel_size"))
    bands, factor = plain(c.size("num_mel_bins")), plain(c.size("subsampling_factor"))
    if c.size("subsampling_conv_stride") != 2 or not kernel % 2:
        raise InputError(f"{c.origin}: subsampling_conv_stride", c.raw("subsampling_conv_stride"), "2, odd kernels")
    found: Operators = ()
    rows, height = Rows(), bands
    for number in range(1, factor.bit_length()):
        height = ceil_div(height, 2)
        rows, first = Rows(thinned=(*rows.thinned, (1, 2)), factor=height), number == 1
        found += (
            Convolution(
                name=f"subsampling_{number}",
                in_channels=1 if first else channels,
                out_channels=channels,
                kernel=kernel * kernel,
                groups=1 if first else channels,
                bias=True,
                rows=rows,
                input_grad=not first,
            ),
        )
        if not first:
            found += (
                Convolution(
                    name=f"subsampling_point_{number}",
                    in_channels=channels,
                    out_channels=channels,
                    kernel=1,
                    bias=True,
                    rows=rows,
                ),
            )
        found += (Elementwise(name=f"subsampling_activation_{number}", width=channels, rows=rows),)
    if height != bands // factor:
        raise InputError(f"{c.origin}: num_mel_bins", bands, f"a multiple of subsampling_factor ({factor})")
    rows = replace(rows, factor=1)
    return (*found, head_linear("subsampling_proj", channels * height, width, rows=rows)), rows


def _attention(s: Sizes, rows: Rows, *, bias: bool) -> Operators:
    """Self-attention, with scores of queries against a projection of every relative position."""
    *before, attention, out = attention_of(s, ALL, bias=bias, rotary=False, rows=rows)
    wide, offsets = s.heads * s.head_dim, replace(rows, factor=2, plus=-1)
    return (
        *before,
        Elementwise(name="uv_bias", width=2 * wide, weights=2 * wide, role=Role.ATTENTION, rows=rows),
        MatMul(
            name="relative_k_proj",
            inputs=s.hidden,
            outputs=wide,
            role=Role.ATTENTION,
            split=Split.COLUMN,
            rows=offsets,
            reads="positions",
            input_grad=False,
        ),
        Attention(
            name="relative_scores",
            heads=s.heads,
            kv_heads=s.heads,
            qk_dim=s.head_dim,
            v_dim=0,
            mask=ALL,
            rows=rows,
            keys=offsets,
        ),
        attention,
        out,
    )


def _layer(c: Config, s: Sizes, rows: Rows) -> Operators:
    """Half an MLP, attention, a gated convolution, half an MLP."""
    bias, kernel = c.flag("attention_bias", default=True), c.size("conv_kernel_size")
    beside = c.flag("convolution_bias", default=True)

    def mlp(name: str) -> Operators:
        operators = plain_mlp(s.hidden, s.ffn, bias=bias, rows=rows, prefix=f"{name}_")
        return (norm(f"{name}_norm", s.hidden, bias=True, rows=rows), *operators)

    def convolution(name: str, outputs: int, size: int, groups: int = 1) -> Convolution:
        return Convolution(
            name=name, in_channels=s.hidden, out_channels=outputs, kernel=size, groups=groups, bias=beside, rows=rows
        )

    return (
        *mlp("first"),
        norm("attention_norm", s.hidden, bias=True, rows=rows),
        *_attention(s, rows, bias=bias),
        norm("convolution_norm", s.hidden, bias=True, rows=rows),
        convolution("gate_conv", 2 * s.hidden, 1),
        Elementwise(name="convolution_gate", width=s.hidden, read=2, kept=2, rows=rows),
        convolution("depthwise_conv", s.hidden, kernel, s.hidden),
        Norm(name="batch_norm", width=s.hidden, bias=True, rows=rows),
        Elementwise(name="convolution_activation", width=s.hidden, kept=1, rows=rows),
        convolution("out_conv", s.hidden, 1),
        *mlp("second"),
        norm("final_norm", s.hidden, bias=True, rows=rows),
    )


def _encoder(c: Config, name: str, letters: int = 0) -> Architecture:
    s = tower_sizes(c)
    c.no_effect(
        "hidden_act", "dropout_positions", "layerdrop", "activation_dropout", "max_position_embeddings", "scale_input",
        "num_key_value_heads",
    )  # fmt: skip
    stem, rows = _subsampled(c, s.hidden)
    blocks: tuple[Block, ...] = (
        Block("audio embedding", stem, stack="audio"),
        Block("audio layer", _layer(c, s, rows), layer_numbers(s.layers), stack="audio"),
    )
    if letters:
        blocks += (Block("output", (head_linear("ctc_head", s.hidden, letters, rows=rows),), stack="audio"),)
    return Architecture(
        name=name,
        hidden=s.hidden,
        vocab=letters or 1,
        blocks=blocks,
        notes=("seq_len counts mel frames: a hundred a second",),
    )


def _bare(c: Config) -> Architecture:
    return _encoder(c, c.model_type)


def _ctc(c: Config) -> Architecture:
    encoder = c.part("encoder_config", defaults_of("parakeet_encoder"))
    encoder.no_effect("model_type")
    c.no_effect("ctc_loss_reduction", "ctc_zero_infinity")
    return _encoder(encoder, c.model_type, c.size("vocab_size"))


IMPORTERS = {"parakeet_ctc": _ctc, "parakeet_encoder": _bare}
