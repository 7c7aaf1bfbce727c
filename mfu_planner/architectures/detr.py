"""DETR: a frozen-norm ResNet, a transformer over its map, queries that a decoder turns into boxes.

References
----------
.. [1] Carion et al. 2020, arXiv:2005.12872 (stem and first stage frozen); transformers' ``modeling_detr.py``: its own
   ResNet frozen as a whole, timm's trained as a whole.
"""

from __future__ import annotations

from dataclasses import replace

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.convnets import residual_stages, stages_of
from mfu_planner.architectures.defaults import defaults_of
from mfu_planner.architectures.layers import (
    Operators,
    Sizes,
    attention_of,
    cross_attention,
    post_norm,
    without_gradients,
)
from mfu_planner.architectures.model import Architecture, Block, layer_numbers
from mfu_planner.architectures.parts import norm, plain_mlp, residual
from mfu_planner.architectures.task_heads import head_kind, head_linear, label_count, model_class, sample_model
from mfu_planner.architectures.vit import free_vectors
from mfu_planner.errors import InputError
from mfu_planner.operators import ALL, ONE_PER_SEQUENCE, Convolution, Elementwise, Norm, Rows, Stream

_KINDS = {"ForObjectDetection": "classes and boxes", "ForSegmentation": "masks", "Model": "no head"}
_DEPTHS = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}
_WIDTHS, _STEM = (256, 512, 1024, 2048), 64
_SIDE = 800
"""Side of an image without a stated size [pixels]: the longest shorter side of arXiv:2005.12872, section 4."""
_TABLE = 50
"""Rows and columns of learned positions."""


def _normed(blocks: list[Block], *, frozen: bool) -> list[Block]:
    """Norms without weights; ``frozen``: no backward pass through any of it."""
    found = []
    for block in blocks:
        operators: Operators = tuple(
            Elementwise(name=op.name, width=op.width, rows=op.rows) if isinstance(op, Norm) else op
            for op in block.operators
        )
        found.append(replace(block, operators=without_gradients(operators) if frozen else operators))
    return found


def _backbone(c: Config) -> tuple[list[Block], int, int]:
    """The ResNet's blocks, its channels, the positions of its map."""
    size = c.image(default=_SIDE) if c.image_size or c.has("image_size") else (_SIDE, _SIDE)
    own = c.raw("backbone_config") or {}
    timm = not own or (isinstance(own, dict) and own.get("model_type") == "timm_backbone")
    if timm:
        part = c.part("backbone_config")
        name = part.text("backbone", default="") or c.text("backbone", default="resnet50")
        if name not in _DEPTHS:
            raise InputError(f"{c.origin}: backbone", name, ", ".join(_DEPTHS))
        part.no_effect(
            "model_type",
            "use_pretrained_backbone",
            "features_only",
            "num_channels",
            "out_indices",
            "freeze_batch_norm_2d",
        )
        dilated = c.flag("dilation", default=False) or part.raw("output_stride") == 16
        blocks, width, left = residual_stages(
            c.size("num_channels"), _STEM, _WIDTHS, _DEPTHS[name], size, bottleneck=True, last_dilated=dilated
        )
        return _normed(blocks, frozen=False), width, left
    part = c.part("backbone_config", defaults_of("resnet"))
    part.no_effect("model_type", "hidden_act", "image_size", "out_features", "out_indices", "stage_names")
    blocks, width, left = residual_stages(
        part.size("num_channels"),
        part.size("embedding_size"),
        *stages_of(part),
        size,
        bottleneck=part.text("layer_type") == "bottleneck",
        early=part.flag("downsample_in_bottleneck", default=False),
        first_strided=part.flag("downsample_in_first_stage", default=False),
    )
    return _normed(blocks, frozen=True), width, left


def _stack(c: Config, side: str, hidden: int) -> Sizes:
    heads = c.size(f"{side}_attention_heads")
    return Sizes(
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        ffn=c.size(f"{side}_ffn_dim"),
        vocab=0,
        layers=c.size(f"{side}_layers"),
        head_dim=c.divides(f"d_model / {side}_attention_heads", hidden, heads, letter="h"),
    )


def _decoder_layer(s: Sizes, rows: Rows, keys: Rows, *, first: bool) -> Operators:
    """Attention among the queries, attention to the map, MLP; values of the first layer are zeros without gradients."""
    own: Operators = attention_of(s, ALL, bias=True, rotary=False, rows=rows)
    if first:
        own = tuple(replace(op, input_grad=op.name != "v_proj") for op in own)
    across = (
        *cross_attention(s, rows, keys, bias=True),
        norm("after_cross_attention_norm", s.hidden, bias=True, rows=rows),
        residual("cross_attention_residual", s.hidden, rows=rows),
    )
    attention, mlp = own, plain_mlp(s.hidden, s.ffn, rows=rows)
    both = post_norm(s, attention, mlp, bias=True, rows=rows)
    place = len(attention) + 2
    return (*both[:place], *across, *both[place:])


def _detr(c: Config) -> Architecture:
    notes: list[str] = []
    kind = head_kind(c, _KINDS, "classes and boxes", notes)
    if kind == "masks":
        raise InputError(f"{c.origin}: architectures", model_class(c), "object detection or the bare model")
    hidden = c.size("d_model", "hidden_size")
    encoder, decoder = _stack(c, "encoder", hidden), _stack(c, "decoder", hidden)
    c.no_effect(
        "activation_function", "init_std", "init_xavier_std", "encoder_layerdrop", "decoder_layerdrop", "class_cost",
        "bbox_cost", "giou_cost", "mask_loss_coefficient", "dice_loss_coefficient", "bbox_loss_coefficient",
        "giou_loss_coefficient", "eos_coefficient", "use_timm_backbone", "use_pretrained_backbone",
        "max_position_embeddings", "num_hidden_layers", "scale_embedding", "backbone_kwargs", "dilation", "backbone",
    )  # fmt: skip
    if c.flag("auxiliary_loss", default=False):
        notes.append(f"{c.origin}: auxiliary_loss: the heads' products on the earlier layers are not counted")
    if not c.image_size and not c.has("image_size"):
        notes.append(f"{c.origin}: images of {_SIDE} × {_SIDE} pixels: --image-size says another size")
    blocks, width, positions = _backbone(c)
    frozen = not any(getattr(op, "trainable", False) for block in blocks for op in block.operators)
    rows, queries = Rows(Stream.SEQUENCE, positions), Rows(Stream.SEQUENCE, c.size("num_queries"))
    projection = Convolution(
        name="input_projection",
        in_channels=width,
        out_channels=hidden,
        kernel=1,
        bias=True,
        rows=rows,
        input_grad=not frozen,
    )
    learned: Operators = ()
    if c.text("position_embedding_type", default="sine") == "learned":
        learned = (free_vectors("map_positions", 2 * _TABLE, hidden // 2, rows),)
    layer = post_norm(
        encoder,
        attention_of(encoder, ALL, bias=True, rotary=False, rows=rows),
        plain_mlp(hidden, encoder.ffn, rows=rows),
        bias=True,
        rows=rows,
    )
    head: Operators = (norm("decoder_norm", hidden, bias=True, rows=queries),)
    if kind == "classes and boxes":
        labels = label_count(c) + 1
        head += (head_linear("classifier", hidden, labels, rows=queries),)
        head += tuple(head_linear(f"box_{n}", hidden, 4 if n == 3 else hidden, rows=queries) for n in (1, 2, 3))
    table = free_vectors("query_positions", c.size("num_queries"), hidden, ONE_PER_SEQUENCE)
    numbers = layer_numbers(decoder.layers)
    return sample_model(
        c,
        hidden=hidden,
        blocks=(
            *blocks,
            Block("map", (projection, *learned), stack="vision"),
            Block("encoder layer", layer, layer_numbers(encoder.layers), stack="vision"),
            Block("queries", (table,), stack="vision"),
            Block(
                "decoder layer (first)", _decoder_layer(decoder, queries, rows, first=True), numbers[:1], stack="vision"
            ),
            *(
                (
                    Block(
                        "decoder layer",
                        _decoder_layer(decoder, queries, rows, first=False),
                        numbers[1:],
                        stack="vision",
                    ),
                )
                if decoder.layers > 1
                else ()
            ),
            Block("output", head, stack="vision"),
        ),
        notes=notes,
    )


IMPORTERS = {"detr": _detr}
