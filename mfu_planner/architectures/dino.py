"""DINOv2 and DINOv3: vision transformers with scaled branches, register tokens, rotary positions in the third.

References
----------
.. [1] Oquab et al. 2023, arXiv:2304.07193 (DINOv2); Darcet et al. 2023, arXiv:2309.16588 (registers).
.. [2] Siméoni et al. 2025, arXiv:2508.10104 (DINOv3).
"""

from __future__ import annotations

from dataclasses import replace

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.layers import Operators, Sizes, attention_of, pre_norm
from mfu_planner.architectures.model import Architecture, Block, layer_numbers
from mfu_planner.architectures.parts import gated_mlp, norm, plain_mlp
from mfu_planner.architectures.task_heads import classifier, head_kind, sample_model
from mfu_planner.architectures.vit import free_vectors, patch_embedding, patch_grid, tower_sizes
from mfu_planner.operators import ALL, Elementwise, MatMul, Rows, Stream

_KINDS = {"ForImageClassification": "classifier", "Backbone": "no head", "Model": "no head"}
_UNUSED = (
    "hidden_act", "layerscale_value", "drop_path_rate", "apply_layernorm", "reshape_hidden_states", "stage_names",
    "out_features", "out_indices", "use_mask_token", "pos_embed_shift", "pos_embed_jitter", "pos_embed_rescale",
)  # fmt: skip


def _second_sizes(c: Config) -> tuple[Sizes, bool]:
    """Sizes of DINOv2, whose MLP is a multiple of the width, and whether it is gated."""
    hidden, heads = c.size("hidden_size"), c.size("num_attention_heads")
    ffn, gated = hidden * c.size("mlp_ratio"), c.flag("use_swiglu_ffn", default=False)
    if gated:  # two thirds of the width, rounded up to a multiple of eight
        ffn = (ffn * 2 // 3 + 7) // 8 * 8
    s = Sizes(
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        vocab=0,
        ffn=ffn,
        layers=c.size("num_hidden_layers"),
        head_dim=c.divides("hidden_size / num_attention_heads", hidden, heads, letter="h"),
    )
    return s, gated


def _attention(c: Config, s: Sizes, rows: Rows, *, third: bool) -> Operators:
    pairs = rows.factor * rows.factor
    if not third:
        bias = c.flag("qkv_bias", default=True)
        return attention_of(s, ALL, bias=bias, out_bias=True, rotary=False, rows=rows, unit_pairs=pairs)
    biases = {
        f"{letter}_proj": c.flag(f"{word}_bias", default=True)
        for letter, word in (("q", "query"), ("k", "key"), ("v", "value"), ("o", "proj"))
    }
    operators = attention_of(s, ALL, rows=rows, unit_pairs=pairs)
    return tuple(replace(op, bias=biases[op.name]) if isinstance(op, MatMul) else op for op in operators)


def _dino(c: Config) -> Architecture:
    notes: list[str] = []
    kind, third = head_kind(c, _KINDS, "no head", notes), c.model_type == "dinov3_vit"
    if third:
        s, gated, bias = tower_sizes(c), c.flag("use_gated_mlp", default=False), c.flag("mlp_bias", default=True)
    else:
        (s, gated), bias = _second_sizes(c), True
    hidden = s.hidden
    down, across, patch = patch_grid(c)
    own = c.pair("image_size")
    registers = 0 if c.model_type == "dinov2" else c.size("num_register_tokens", default=0, least=0)
    patches = Rows(Stream.SEQUENCE, c.derived("P", down * across))
    rows = Rows(Stream.SEQUENCE, c.derived("T", patches.factor + 1 + registers))
    c.no_effect(*_UNUSED)
    attention = (
        *_attention(c, s, rows, third=third),
        Elementwise(name="attention_scale", width=hidden, weights=hidden, rows=rows),
    )
    mlp = (gated_mlp if gated else plain_mlp)(hidden, s.ffn, bias=bias, rows=rows)
    scaled = (*mlp, Elementwise(name="mlp_scale", width=hidden, weights=hidden, rows=rows))
    first: Operators = (
        patch_embedding(c.size("num_channels"), hidden, patch, patches),
        free_vectors("class_token", 1, hidden, rows),
    )
    if c.raw("use_mask_token", True):
        first += (free_vectors("mask_token", 1, hidden, rows),)
    if registers:
        first += (free_vectors("register_tokens", registers, hidden, rows),)
    if not third:
        entries = (own[0] // patch[0]) * (own[1] // patch[1]) + 1
        first += (free_vectors("position_embedding", entries, hidden, rows),)
    output: Operators = (norm("final_norm", hidden, bias=True, rows=rows),)
    if kind == "classifier":
        output += classifier(c, 2 * hidden)
    return sample_model(
        c,
        hidden=hidden,
        length=rows.factor,
        blocks=(
            Block("embedding", first, stack="vision"),
            Block(
                "layer", pre_norm(s, attention, scaled, bias=True, rows=rows), layer_numbers(s.layers), stack="vision"
            ),
            Block("output", output, stack="vision"),
        ),
        notes=notes,
    )


IMPORTERS = {"dinov2": _dino, "dinov2_with_registers": _dino, "dinov3_vit": _dino}
