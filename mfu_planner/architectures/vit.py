"""Vision transformers: an image cut into patches, a transformer over them, a classifier on the first token.

References
----------
.. [1] Dosovitskiy et al. 2020, arXiv:2010.11929 (ViT).
.. [2] Touvron et al. 2020, arXiv:2012.12877 (DeiT: a distillation token beside the class token).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.layers import Operators, Sizes, attention_of, pre_norm
from mfu_planner.architectures.model import Architecture, Block, layer_numbers
from mfu_planner.architectures.parts import norm, plain_mlp
from mfu_planner.architectures.task_heads import classifier, head_kind, head_linear, sample_model
from mfu_planner.errors import InputError
from mfu_planner.operators import ALL, Convolution, Lookup, Role, Rows, Split, Stream

_KINDS = {
    "ForImageClassification": "classifier",
    "ForImageClassificationWithTeacher": "two classifiers",
    "ForMaskedImageModeling": "masked image modelling",
    "Model": "no head",
}


def patch_grid(c: Config, *, patch: str = "patch_size") -> tuple[int, int, tuple[int, int]]:
    """Rows and columns of patches, and the (height, width) of a patch in pixels.

    Raises
    ------
    InputError
        An image smaller than a patch.
    """
    height, width = c.image()
    tall, wide = c.pair(patch)
    if height < tall or width < wide:
        raise InputError(f"{c.origin}: image_size", f"{height} × {width}", f"at least a patch of {tall} × {wide}")
    return height // tall, width // wide, (tall, wide)


def patch_embedding(
    channels: int, hidden: int, patch: tuple[int, int], rows: Rows, *, bias: bool = True, frames: int = 1
) -> Convolution:
    """A convolution whose stride is its kernel: one vector for each patch (of ``frames`` pictures, for video)."""
    return Convolution(
        name="patch_embedding",
        in_channels=channels,
        out_channels=hidden,
        kernel=frames * patch[0] * patch[1],
        bias=bias,
        rows=rows,
        input_grad=False,
    )


def free_vectors(name: str, entries: int, width: int, rows: Rows) -> Lookup:
    """Learned vectors that are added or put in front: class tokens, position tables."""
    return Lookup(name=name, entries=entries, width=width, role=Role.POSITION, split=Split.REPLICATED, rows=rows)


def tower_sizes(c: Config, *, layers: str = "num_hidden_layers") -> Sizes:
    """Sizes of a vision tower."""
    hidden, heads = c.size("hidden_size"), c.size("num_attention_heads")
    return Sizes(
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        vocab=0,
        ffn=c.size("intermediate_size"),
        layers=c.size(layers),
        head_dim=c.divides("hidden_size / num_attention_heads", hidden, heads, letter="h"),
    )


def vision_layer(s: Sizes, rows: Rows, *, qkv_bias: bool = True, tiles: int = 1) -> Operators:
    """Norm, attention among all tokens of an image (of each of its tiles), norm, plain MLP; biases throughout."""
    pairs = rows.factor * rows.factor // tiles
    attention = attention_of(s, ALL, bias=qkv_bias, out_bias=True, rotary=False, rows=rows, unit_pairs=pairs)
    return pre_norm(s, attention, plain_mlp(s.hidden, s.ffn, rows=rows), bias=True, rows=rows)


def mask_vector(hidden: int, rows: Rows) -> Operators:
    """What stands for a patch that is hidden from the model, where it learns to paint it."""
    return (free_vectors("mask_vector", 1, hidden, rows),)


def pixels_of(c: Config, hidden: int, rows: Rows) -> Operators:
    """Masked image modelling: the pixels of a square of ``encoder_stride`` from each position."""
    stride = c.size("encoder_stride")
    return (head_linear("pixels", hidden, stride * stride * c.size("num_channels"), rows=rows),)


def _vit(c: Config) -> Architecture:
    notes: list[str] = []
    kind = head_kind(c, _KINDS, "classifier", notes)
    deit = c.model_type == "deit"
    s, extra = tower_sizes(c), 2 if deit else 1
    down, across, patch = patch_grid(c)
    patches = Rows(Stream.SEQUENCE, c.derived("P", down * across))
    rows = Rows(Stream.SEQUENCE, c.derived("T", patches.factor + extra))
    c.no_effect("hidden_act", "encoder_stride", "pooler_act", "pooler_output_size")
    masked = kind == "masked image modelling"
    first = (
        patch_embedding(c.size("num_channels"), s.hidden, patch, patches),
        free_vectors("class_token", extra, s.hidden, rows),
        free_vectors("position_embedding", rows.factor, s.hidden, rows),
        *(mask_vector(s.hidden, patches) if masked else ()),
    )
    output: Operators = (norm("final_norm", s.hidden, bias=True, rows=rows),)
    if kind == "no head":
        pooled = c.size("pooler_output_size") if c.has("pooler_output_size") else s.hidden
        output += (head_linear("pooler", s.hidden, pooled),)
    elif masked:
        output += pixels_of(c, s.hidden, patches)
    else:
        output += classifier(c, s.hidden) * (2 if kind == "two classifiers" else 1)
    return sample_model(
        c,
        hidden=s.hidden,
        length=rows.factor,
        blocks=(
            Block("embedding", first, stack="vision"),
            Block(
                "layer",
                vision_layer(s, rows, qkv_bias=c.flag("qkv_bias", default=True)),
                layer_numbers(s.layers),
                stack="vision",
            ),
            Block("output", output, stack="vision"),
        ),
        notes=notes,
    )


IMPORTERS = {"vit": _vit, "deit": _vit}
