"""ERNIE 4.5 VL: each sparse layer has experts for text and narrower ones for images, and a token visits its own kind.

References
----------
.. [1] Baidu 2025, ERNIE 4.5 technical report, section 2: https://yiyan.baidu.com/blog/publication/ERNIE_Technical_Report.pdf.
"""

from __future__ import annotations

from dataclasses import replace

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import attention_heads, listed_kinds
from mfu_planner.architectures.defaults import defaults_of
from mfu_planner.architectures.experts import expert_sizes, moe, shared_expert
from mfu_planner.architectures.layers import Operators
from mfu_planner.architectures.model import Architecture, Block
from mfu_planner.architectures.multimodal import joined, text_part
from mfu_planner.architectures.ocr_towers import ernie_tower
from mfu_planner.architectures.parts import gated_mlp
from mfu_planner.architectures.qwen_vision import image_grid
from mfu_planner.architectures.sparse_decoders import grouped, same_in_every_layer, sparse_decoder
from mfu_planner.errors import InputError
from mfu_planner.operators import Elementwise, Operator, Role, Rows, Stream

_MLPS = ("dense", "sparse")
_IMAGES = "vision_"
"""Prefix of what the image's tokens visit."""


def _routed(c: Config, hidden: int, ffn: int) -> Operators:
    """Router, experts and the bias for each of them that only routing sees."""
    experts = expert_sizes(c, ffn)
    correction = Elementwise(name="router_correction", width=0, weights=experts.total, role=Role.ROUTER)
    return (*moe(hidden, experts), correction)


def _text(c: Config) -> Architecture:
    c = same_in_every_layer(c, "moe_num_experts")
    hidden, layers, bias = c.size("hidden_size"), c.size("num_hidden_layers"), c.flag("use_bias", default=False)
    kinds = listed_kinds(c, "mlp_layer_types", layers=layers, known=_MLPS) or ["dense", *["sparse"] * (layers - 1)]
    widths = c.raw("moe_intermediate_size", c.defaults.get("moe_intermediate_size"))
    if not isinstance(widths, list) or len(widths) != 2:
        raise InputError(f"{c.origin}: moe_intermediate_size", widths, "two widths: experts for text, for images")
    shared = c.size("moe_num_shared_experts", default=0, least=0)
    c.no_effect("hidden_act", "moe_norm_min", "freq_allocation", "moe_layer_start_index", "moe_layer_end_index")
    c.no_effect(
        "moe_capacity",
        "moe_gate",
        "moe_use_aux_free",
        "moe_layer_interval",
        "rope_3d",
        "moe_multimodal_dispatch_use_allgather",
    )
    images = (
        replace(op, name=f"{_IMAGES}{op.name}", reads=op.reads and _IMAGES + op.reads)
        for op in _routed(c, hidden, widths[1])
    )
    sparse = (*_routed(c, hidden, widths[0]), *images, *shared_expert(hidden, shared * widths[0], bias=bias))
    mlps = {"dense": gated_mlp(hidden, c.size("intermediate_size"), bias=bias), "sparse": sparse}
    mixer = {"attention": grouped(hidden, attention_heads(c, hidden), bias=bias, qk_norm=())}
    used = {kind: mlps[kind] for kind in dict.fromkeys(kinds)}
    built = sparse_decoder(c, hidden, mixer, ["attention"] * layers, used, kinds, tied_default=True)
    return _shared_out(built, 0)


def _shared_out(built: Architecture, tokens: int) -> Architecture:
    """The decoder where each image has so many ``tokens`` of the sequence, which visit experts of their own."""

    def at(op: Operator) -> Operator:
        if op.name.startswith(_IMAGES):
            return replace(op, rows=Rows(Stream.IMAGE, tokens))
        return replace(op, rows=Rows(without=tokens)) if op.role in (Role.EXPERT, Role.ROUTER) else op

    def of(block: Block) -> Block:
        return replace(block, operators=tuple(at(op) for op in block.operators))

    return replace(built, blocks=tuple(of(block) for block in built.blocks))


def _whole(c: Config) -> Architecture:
    notes: list[str] = []
    text = text_part(c, "ernie4_5_vl_moe_text", tied_default=True)
    vision = c.part("vision_config", defaults_of("ernie4_5_vl_moe_vision"))
    vision.no_effect("model_type")
    grid = image_grid(vision, notes)
    tower = ernie_tower(vision, grid, text.hidden)
    return joined(c, _shared_out(text, grid.merged.factor), tower, notes)


IMPORTERS = {"ernie4_5_vl_moe": _whole, "ernie4_5_vl_moe_text": _text}
