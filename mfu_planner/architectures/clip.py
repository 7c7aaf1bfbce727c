"""CLIP and SigLIP: an image tower and a text tower that meet in a contrastive loss.

``seq_len`` counts the text's tokens (77 or 64 in training); the image's patches follow from its size.

References
----------
.. [1] Radford et al. 2021, arXiv:2103.00020 (CLIP).
.. [2] Zhai et al. 2023, arXiv:2303.15343 (SigLIP: attention pooling of the image, no mask on the text).
"""

from __future__ import annotations

from dataclasses import replace

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.defaults import defaults_of
from mfu_planner.architectures.layers import Operators, attention_of, pre_norm, without_gradients
from mfu_planner.architectures.model import Architecture, Block, layer_numbers
from mfu_planner.architectures.parts import embedding, norm, plain_mlp, positions
from mfu_planner.architectures.task_heads import classifier, head_linear, model_class, sample_model
from mfu_planner.architectures.vit import free_vectors, patch_embedding, patch_grid, tower_sizes, vision_layer
from mfu_planner.errors import InputError
from mfu_planner.operators import (
    ALL,
    CAUSAL,
    ONE_PER_SEQUENCE,
    Attention,
    Elementwise,
    Lookup,
    MatMul,
    Role,
    Rows,
    Similarity,
    Split,
    Stream,
)

_VISION_KEYS = ("hidden_act", "dropout", "projection_dim", "vision_use_head", "num_positions", "tie_word_embeddings")


def vision_tower(
    c: Config, *, siglip: bool, stream: Stream = Stream.SEQUENCE, tiles: int = 1
) -> tuple[tuple[Block, ...], int, int]:
    """Blocks of the image tower without its pooling, its width, and the tokens of an image (of each of its tiles)."""
    s = tower_sizes(c)
    own = "num_patches" in c.defaults  # SigLIP 2 states how many patches, not how large an image
    if own and not c.image_size:
        patch, patches = c.pair("patch_size"), c.size("num_patches")
    else:
        down, across, patch = patch_grid(c)
        patches = c.derived("P", down * across)
    tokens = patches if siglip else c.derived("T", patches + 1)
    rows = Rows(stream, tiles * tokens)
    c.no_effect(*_VISION_KEYS)
    first: Operators = (
        patch_embedding(c.size("num_channels"), s.hidden, patch, Rows(stream, tiles * patches), bias=siglip),
        free_vectors("vision_position_embedding", c.size("num_patches") if own else tokens, s.hidden, rows),
        *(_resizing(c.size("num_patches"), s.hidden, rows) if own else ()),
    )
    if not siglip:
        first += (free_vectors("class_token", 1, s.hidden, rows), norm("pre_norm", s.hidden, bias=True, rows=rows))
    blocks = (
        Block("vision embedding", first, stack="vision"),
        Block("vision layer", vision_layer(s, rows, tiles=tiles), layer_numbers(s.layers), stack="vision"),
    )
    return blocks, s.hidden, tokens


def _resizing(entries: int, hidden: int, rows: Rows) -> Operators:
    """SigLIP 2: the square of positions is brought to the grid of an image by a product over all of them."""
    return (
        MatMul(
            name="position_resizing", inputs=entries, outputs=hidden, rows=rows, role=Role.POSITION,
            split=Split.REPLICATED, shared_with="vision_position_embedding", input_grad=False,
        ),
    )  # fmt: skip


def attention_pooling(c: Config, tokens: int, stream: Stream = Stream.SEQUENCE, *, tiles: int = 1) -> Operators:
    """SigLIP's pooling: one learned query attends to all patches, then an MLP."""
    s = tower_sizes(c)
    one, all_rows = Rows(stream, tiles), Rows(stream, tiles * tokens)

    def project(name: str, outputs: int, rows: Rows) -> MatMul:
        return MatMul(
            name=name, inputs=s.hidden, outputs=outputs, bias=True, role=Role.HEAD, split=Split.REPLICATED, rows=rows
        )

    return (
        Lookup(name="pool_query", entries=1, width=s.hidden, role=Role.OTHER, rows=one),
        project("pool_q_proj", s.hidden, one),
        project("pool_kv_proj", 2 * s.hidden, all_rows),
        Attention(
            name="pool_attention",
            heads=s.heads,
            kv_heads=s.heads,
            qk_dim=s.head_dim,
            v_dim=s.head_dim,
            mask=ALL,
            rows=one,
            keys=all_rows,
            unit_pairs=tiles * tokens,
            role=Role.HEAD,
            split=Split.REPLICATED,
        ),
        project("pool_o_proj", s.hidden, one),
        norm("pool_norm", s.hidden, bias=True, rows=one),
        *plain_mlp(s.hidden, s.ffn, prefix="pool_", role=Role.HEAD, rows=one),
    )


def _vision_blocks(c: Config, *, siglip: bool) -> tuple[tuple[Block, ...], int]:
    """The image tower with its last norm and its pooling, and its width."""
    blocks, hidden, tokens = vision_tower(c, siglip=siglip)
    rows = Rows(Stream.SEQUENCE, tokens) if siglip else ONE_PER_SEQUENCE
    output: Operators = (norm("vision_final_norm", hidden, bias=True, rows=rows),)
    if siglip and c.flag("vision_use_head", default=True):
        output += attention_pooling(c, tokens)
    return (*blocks, Block("vision output", output, stack="vision")), hidden


def _text_blocks(c: Config, *, siglip: bool) -> tuple[tuple[Block, ...], int, int]:
    """The text tower, its width and its vocabulary."""
    s, vocab = tower_sizes(c), c.size("vocab_size")
    c.no_effect("hidden_act", "dropout", "projection_dim", "projection_size", "tie_word_embeddings")
    layer = pre_norm(
        s, attention_of(s, ALL if siglip else CAUSAL, bias=True, rotary=False), plain_mlp(s.hidden, s.ffn), bias=True
    )
    output: Operators = (norm("text_final_norm", s.hidden, bias=True),)
    if siglip:
        output += (head_linear("text_projection", s.hidden, c.size("projection_size", default=s.hidden)),)
    table = positions(c.size("max_position_embeddings"), s.hidden, name="text_position_embedding")
    blocks = (
        Block("text embedding", (embedding(vocab, s.hidden), table), stack="text"),
        Block("text layer", layer, layer_numbers(s.layers), stack="text"),
        Block("text output", output, stack="text"),
    )
    return blocks, s.hidden, vocab


def _part(c: Config, name: str, model_type: str) -> Config:
    """A tower's config: its own fields, those of the older ``…_config_dict`` first, then the defaults of its type."""
    older = c.raw(f"{name}_dict")
    if older is None and not c.has(name):
        raise InputError(f"{c.origin}: {name}", "nothing", "the tower's own config")
    part = c.part(name, defaults_of(model_type))
    if isinstance(older, dict):
        part.data = {**part.data, **older}
    return part


def _image_classifier(c: Config, part: Config, *, siglip: bool) -> Architecture:
    """The image tower alone, the mean of its patches and a classifier; its own pooling gets no gradient."""
    tower, width = _vision_blocks(part, siglip=siglip)
    *layers, output = tower
    tokens = layers[0].operators[-1].rows.factor
    pooled = without_gradients(tuple(op for op in output.operators if op.name.startswith("pool_")))
    last = tuple(op for op in output.operators if not op.name.startswith("pool_"))
    c.no_effect("text_config", "text_config_dict", "projection_dim", "logit_scale_init_value", "tie_word_embeddings")
    return sample_model(
        c,
        hidden=width,
        length=tokens,
        blocks=(*layers, replace(output, operators=(*last, *pooled, *classifier(c, width)))),
    )


def _two_towers(c: Config) -> Architecture:
    siglip = c.model_type.startswith("siglip")
    if model_class(c).endswith("ForImageClassification"):
        return _image_classifier(c, _part(c, "vision_config", f"{c.model_type}_vision_model"), siglip=siglip)
    vision, vision_width = _vision_blocks(_part(c, "vision_config", f"{c.model_type}_vision_model"), siglip=siglip)
    text, text_width, vocab = _text_blocks(_part(c, "text_config", f"{c.model_type}_text_model"), siglip=siglip)
    c.no_effect("logit_scale_init_value", "tie_word_embeddings")
    joint, scales = vision_width, 2
    output: Operators = ()
    if not siglip:
        joint, scales = c.size("projection_dim"), 1
        output = (
            head_linear("vision_projection", vision_width, joint, bias=False),
            head_linear("text_projection", text_width, joint, bias=False),
        )
    output += (
        Similarity(name="similarity", width=joint),
        Elementwise(name="logit_scale", width=1, weights=scales, rows=ONE_PER_SEQUENCE, role=Role.HEAD),
    )
    return Architecture(
        name=c.model_type,
        hidden=text_width,
        vocab=vocab,
        work_unit="sample",
        blocks=(*vision, *text, Block("output", output, stack="text")),
        notes=("the similarities of all pairs grow with the square of the batch",),
    )


def _vision_alone(c: Config) -> Architecture:
    siglip = c.model_type.startswith("siglip")
    blocks, hidden = _vision_blocks(c, siglip=siglip)
    if model_class(c).endswith("WithProjection"):
        output = head_linear("vision_projection", hidden, c.size("projection_dim"), bias=False)
        blocks += (Block("output", (output,), stack="vision"),)
    length = blocks[1].operators[0].rows.factor
    return sample_model(c, hidden=hidden, blocks=blocks, length=length)


def _text_alone(c: Config) -> Architecture:
    blocks, hidden, vocab = _text_blocks(c, siglip=c.model_type.startswith("siglip"))
    if model_class(c).endswith("WithProjection"):
        output = head_linear("text_projection", hidden, c.size("projection_dim"), bias=False)
        blocks += (Block("output", (output,), stack="text"),)
    return Architecture(name=c.model_type, hidden=hidden, vocab=vocab, blocks=blocks)


IMPORTERS = {
    "clip": _two_towers,
    "siglip": _two_towers,
    "siglip2": _two_towers,
    "siglip2_vision_model": _vision_alone,
    "siglip2_text_model": _text_alone,
    "clip_vision_model": _vision_alone,
    "siglip_vision_model": _vision_alone,
    "clip_text_model": _text_alone,
    "siglip_text_model": _text_alone,
}
