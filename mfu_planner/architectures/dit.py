"""Diffusion transformers (DiT): patches of a latent image, each layer steered by the time step and the class.

Read from a diffusers ``transformer/config.json`` (``_class_name`` in place of ``model_type``).  The model counted is
the class named there: each layer has its own embedder of time step and class, where the published model shares one.

References
----------
.. [1] Peebles and Xie 2022, arXiv:2212.09748 (adaLN-Zero; Table 1: DiT-XL/2 has 675M parameters).
"""

from __future__ import annotations

from dataclasses import replace

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.layers import Operators, Sizes, attention_of
from mfu_planner.architectures.model import Architecture, Block, layer_numbers
from mfu_planner.architectures.parts import plain_mlp, residual
from mfu_planner.architectures.task_heads import sample_model
from mfu_planner.architectures.vit import patch_embedding
from mfu_planner.errors import InputError
from mfu_planner.operators import (
    ALL,
    ONE_PER_SEQUENCE,
    Elementwise,
    Lookup,
    MatMul,
    Norm,
    Operator,
    Role,
    Rows,
    Split,
    Stream,
)

_WAVES = 256
"""Sines and cosines that stand for the time step (section 3.2 of the authors' code)."""
_LATENT_PIXELS = 8
"""Pixels of the image on each side of a latent position (the autoencoder of section 4)."""


def _linear(name: str, inputs: int, outputs: int, rows: Rows, *, role: Role = Role.OTHER) -> MatMul:
    return MatMul(
        name=name,
        inputs=inputs,
        outputs=outputs,
        bias=True,
        role=role,
        split=Split.REPLICATED,
        rows=rows,
        input_grad=name != "time_proj_1",
    )


def _condition(hidden: int, classes: int) -> Operators:
    """One vector for each sample, from its time step and its class (one more entry for "no class")."""
    return (
        _linear("time_proj_1", _WAVES, hidden, ONE_PER_SEQUENCE),
        _linear("time_proj_2", hidden, hidden, ONE_PER_SEQUENCE),
        Lookup(name="class_embedding", entries=classes + 1, width=hidden, role=Role.OTHER, rows=ONE_PER_SEQUENCE),
    )


def _again(op: Operator) -> Operator:
    """The same operator with the weights of the first layer."""
    return replace(op, shared_with=op.name, bias=False) if isinstance(op, MatMul) else replace(op, shared_with=op.name)


def _latent(c: Config) -> tuple[int, int]:
    """(height, width) of the latent: the config's, or an eighth of the image that the user chose."""
    if not c.image_size:
        return c.pair("sample_size")
    c.no_effect("sample_size")
    side = c.divides("image_size / 8", c.image_size, _LATENT_PIXELS)
    return side, side


def _modulated(c: Config, s: Sizes, rows: Rows, classes: int) -> Operators:
    """A layer: both branches behind a bare norm, shifted, scaled and gated by six vectors of the condition."""

    def bare(name: str, *, affine: bool = False) -> Operators:
        scaled = Elementwise(name=f"{name}_modulation", width=s.hidden, read=1, kept=1, rows=rows)
        return (Norm(name=name, width=s.hidden, weight=affine, bias=affine, rows=rows), scaled)

    bias = c.flag("attention_bias", default=True)
    attention = attention_of(
        s, ALL, bias=bias, out_bias=True, rotary=False, rows=rows, unit_pairs=rows.factor * rows.factor
    )
    return (
        *_condition(s.hidden, classes),
        _linear("modulation", s.hidden, 6 * s.hidden, ONE_PER_SEQUENCE),
        *bare("input_norm"),
        *attention,
        residual("attention_residual", s.hidden, rows=rows),
        *bare("post_attention_norm", affine=c.flag("norm_elementwise_affine", default=False)),
        *plain_mlp(s.hidden, s.ffn, rows=rows),
        residual("mlp_residual", s.hidden, rows=rows),
    )


def _dit(c: Config) -> Architecture:
    kind = c.text("norm_type", default="ada_norm_zero")
    if kind != "ada_norm_zero" or c.has("cross_attention_dim"):
        raise InputError(f"{c.origin}: norm_type", kind, "a DiT: ada_norm_zero, and no cross_attention_dim")
    heads, head_dim = c.size("num_attention_heads"), c.size("attention_head_dim")
    hidden, channels = heads * head_dim, c.size("in_channels")
    s = Sizes(
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        head_dim=head_dim,
        ffn=4 * hidden,
        vocab=0,
        layers=c.size("num_layers"),
    )
    (height, width), patch = _latent(c), c.pair("patch_size")
    if height % patch[0] or width % patch[1]:
        raise InputError(f"{c.origin}: sample_size", f"{height} × {width}", f"whole patches of {patch[0]} × {patch[1]}")
    rows = Rows(Stream.SEQUENCE, c.derived("P", height // patch[0] * (width // patch[1])))
    outputs = c.size("out_channels", default=channels) * patch[0] * patch[1]
    classes = c.size("num_embeds_ada_norm", default=1000)
    c.no_effect(
        "_class_name",
        "_diffusers_version",
        "activation_fn",
        "norm_num_groups",
        "norm_eps",
        "num_vector_embeds",
        "only_cross_attention",
        "upcast_attention",
        "use_linear_projection",
        "double_self_attention",
        "norm_type",
        "attention_type",
        "caption_channels",
    )
    condition = _condition(hidden, classes)
    last = (
        *(_again(op) for op in condition),
        _linear("final_modulation", hidden, 2 * hidden, ONE_PER_SEQUENCE),
        Norm(name="final_norm", width=hidden, weight=False, rows=rows),
        _linear("final_proj", hidden, outputs, rows, role=Role.HEAD),
    )
    return sample_model(
        c,
        hidden=hidden,
        length=rows.factor,
        blocks=(
            Block("embedding", (patch_embedding(channels, hidden, patch, rows),), stack="vision"),
            Block("layer", _modulated(c, s, rows, classes), layer_numbers(s.layers), stack="vision"),
            Block("output", last, stack="vision"),
        ),
        notes=(
            "each layer has an embedder of time step and class of its own, as diffusers builds it; the published model "
            f"shares one: {(s.layers - 1) * sum(op.params for op in condition):,} parameters fewer",
        ),
    )


IMPORTERS = {"DiTTransformer2DModel": _dit, "Transformer2DModel": _dit}
