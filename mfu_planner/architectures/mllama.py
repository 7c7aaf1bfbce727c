"""Llama 3.2 Vision: a tiled tower whose features some of the decoder's layers attend to.

Where a sequence has no image, the layers that attend to images are left out.

References
----------
.. [1] Grattafiori et al. 2024, arXiv:2407.21783, section 7; Meta 2024,
   https://huggingface.co/meta-llama/Llama-3.2-11B-Vision.
"""

from __future__ import annotations

from dataclasses import replace

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import causal_decoder, index_list
from mfu_planner.architectures.dense import usual_sizes
from mfu_planner.architectures.layers import (
    Operators,
    Sizes,
    attention_of,
    cross_attention,
    head_norms,
    pre_norm,
    without_gradients,
)
from mfu_planner.architectures.model import Architecture, Block, layer_numbers
from mfu_planner.architectures.multimodal import joined, text_part, vision_part
from mfu_planner.architectures.parts import gated_mlp, norm, plain_mlp
from mfu_planner.architectures.towers import Blocks, linear
from mfu_planner.architectures.vit import free_vectors, patch_embedding, patch_grid
from mfu_planner.errors import InputError
from mfu_planner.operators import ALL, Attention, Elementwise, Lookup, Norm, Role, Rows, Split, Stream

_PADDED_TO = 8
"""Rows of a tile are filled up to a multiple (transformers' ``MllamaVisionModel``)."""
_MORE_TOKENS = 8
"""Entries of the token table beyond the vocabulary: the image's own tokens."""


def _cross_layer(s: Sizes, keys: Rows) -> Operators:
    """Attention to the image and an MLP, each behind a norm and a gate that starts closed."""
    rows = Rows(Stream.SEEING)
    norms = tuple(
        replace(op, name=f"cross_{op.name}", rows=keys if op.name == "k_norm" else rows)
        for op in head_norms(s)
        if isinstance(op, Norm)
    )
    gates = [Elementwise(name=f"{n}_gate", width=s.hidden, weights=1, rows=rows) for n in ("cross_attention", "mlp")]
    attention = cross_attention(s, rows, keys, qk_norm=norms)
    return pre_norm(s, (*attention, gates[0]), (*gated_mlp(s.hidden, s.ffn, rows=rows), gates[1]), rows=rows)


def _text(c: Config) -> Architecture:
    s = usual_sizes(c, kv_heads_from_heads=False)
    crossing = index_list(c, "cross_attention_layers") or frozenset()
    c.no_effect("hidden_act")
    if any(n >= s.layers for n in crossing):
        raise InputError(f"{c.origin}: cross_attention_layers", sorted(crossing), f"numbers below {s.layers}")
    own = tuple(n for n in layer_numbers(s.layers) if n not in crossing)
    layers = (
        Block("layer", pre_norm(s, attention_of(s), gated_mlp(s.hidden, s.ffn)), own),
        Block("image layer", _cross_layer(s, Rows(Stream.IMAGE)), tuple(sorted(crossing))),
    )
    built = causal_decoder(c, s.hidden, tuple(block for block in layers if block.layers), tied=False)
    c.no_effect("tie_word_embeddings")
    table, *rest = built.blocks[0].operators
    if not isinstance(table, Lookup):
        raise TypeError("the token table comes first")
    more = replace(built.blocks[0], operators=(replace(table, entries=table.entries + _MORE_TOKENS), *rest))
    return replace(built, blocks=(more, *built.blocks[1:]))


def _tower(c: Config) -> tuple[Blocks, int]:
    """The tower's blocks, and the rows of an image that the decoder attends to."""
    hidden, heads, tiles = c.size("hidden_size"), c.size("attention_heads"), c.size("max_num_tiles")
    ffn, layers, whole = c.size("intermediate_size"), c.size("num_hidden_layers"), c.size("num_global_layers")
    s = Sizes(
        hidden=hidden, heads=heads, kv_heads=heads, ffn=ffn, vocab=0, layers=layers,
        head_dim=c.divides("hidden_size / attention_heads", hidden, heads, letter="h"),
    )  # fmt: skip
    down, across, patch = patch_grid(c)
    tokens = down * across + 1
    padded = -(-tokens // _PADDED_TO) * _PADDED_TO
    rows, image = Rows(Stream.IMAGE, tiles * padded), Rows(Stream.IMAGE)
    ratios = c.raw("supported_aspect_ratios", c.defaults.get("supported_aspect_ratios"))
    if not isinstance(ratios, list):
        raise InputError(f"{c.origin}: supported_aspect_ratios", ratios, "a list of [height, width] in tiles")
    entries = len(ratios) + 1
    c.no_effect("hidden_act", "norm_eps", "intermediate_layers_indices", "max_aspect_ratio_id")
    pairs, hidden_pairs = rows.factor * rows.factor, (tiles * (padded - tokens)) ** 2
    attention = tuple(
        replace(op, unit_allowed=pairs - hidden_pairs) if isinstance(op, Attention) else op
        for op in attention_of(s, ALL, rotary=False, rows=rows, unit_pairs=pairs)
    )
    mlp = plain_mlp(hidden, ffn, rows=rows)
    gates = [Elementwise(name=f"{n}_gate", width=hidden, weights=1, rows=rows) for n in ("attention", "mlp")]
    first = (
        patch_embedding(c.size("num_channels"), hidden, patch, Rows(Stream.IMAGE, tiles * (tokens - 1)), bias=False),
        free_vectors("tile_embedding", entries, tiles * hidden, image),
        free_vectors("class_token", 1, hidden, rows),
        free_vectors("vision_position_embedding", tokens, hidden, rows),
        free_vectors("tile_position_embedding", entries, tiles * tokens * hidden, image),
        norm("pre_norm", hidden, bias=True, rows=rows),
        Elementwise(name="embedding_gates", width=1, weights=3, rows=image),
        *without_gradients((_padding_mask(rows, pairs),)),
    )
    between = (
        norm("vision_final_norm", hidden, bias=True, rows=rows),
        free_vectors("tile_embedding_2", entries, tiles * hidden, image),
    )
    blocks = (
        Block("vision embedding", first, stack="vision"),
        Block("vision layer", pre_norm(s, attention, mlp, bias=True, rows=rows), layer_numbers(layers), stack="vision"),
        Block("vision middle", between, stack="vision"),
        Block(
            "vision global layer",
            pre_norm(s, (*attention, gates[0]), (*mlp, gates[1]), bias=True, rows=rows),
            tuple(range(layers, layers + whole)),
            stack="vision",
        ),
    )
    return blocks, tiles * tokens


def _padding_mask(rows: Rows, pairs: int) -> Attention:
    """Which pairs are padding on both sides: a product of width one over all of them."""
    return Attention(
        name="tile_mask", heads=1, kv_heads=1, qk_dim=1, v_dim=0, mask=ALL, rows=rows, keys=rows, unit_pairs=pairs,
        role=Role.OTHER, split=Split.REPLICATED,
    )  # fmt: skip


def _whole(c: Config) -> Architecture:
    notes: list[str] = []
    text = text_part(c, "mllama_text_model", never_tied=True)
    if "MllamaForCausalLM" in (c.data.get("architectures") or ()):  # images come encoded; the head is read later
        c.no_effect("vision_config")
        return joined(c, text, (), notes)
    part = vision_part(c, "mllama_vision_model")
    tower, tokens = _tower(part)
    keys = Rows(Stream.IMAGE, tokens)
    projector = linear("projector", part.size("vision_output_dim"), text.hidden, keys, bias=True)
    seen = tuple(_seeing(block, keys) for block in text.blocks)
    notes.append(f"{c.origin}: every image fills its {part.size('max_num_tiles')} tiles, as the class computes it")
    whole = replace(text, blocks=seen)
    return joined(c, whole, (*tower, Block("vision output", (projector,), stack="vision")), notes)


def _seeing(block: Block, keys: Rows) -> Block:
    """A block whose operators over an image's rows have as many as the tower hands over."""
    operators = []
    for op in block.operators:
        if getattr(op, "keys", None) == Rows(Stream.IMAGE):
            op = replace(op, keys=keys)  # type: ignore[call-arg]
        operators.append(replace(op, rows=keys) if op.rows == Rows(Stream.IMAGE) else op)
    return replace(block, operators=tuple(operators))


IMPORTERS = {"mllama": _whole, "mllama_text_model": _text}
