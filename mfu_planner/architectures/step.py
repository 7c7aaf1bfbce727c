"""Step 3.5 and 3.7: windows whose layers have a head count of their own, gates on heads, experts beside a shared one.

References
----------
.. [1] StepFun 2026, https://huggingface.co/stepfun-ai/Step-3.5-Flash and
   https://huggingface.co/stepfun-ai/Step-3.7-Flash.
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import Heads, listed_kinds
from mfu_planner.architectures.layers import Operators, Sizes, attention_of, pre_norm
from mfu_planner.architectures.model import Architecture
from mfu_planner.architectures.parts import norm, plain_mlp
from mfu_planner.architectures.sparse_decoders import (
    gated_feed_forwards,
    gated_output,
    grouped,
    mask_kinds,
    masks_of,
    sparse_decoder,
)
from mfu_planner.architectures.towers import Blocks, blocks, linear
from mfu_planner.architectures.vit import free_vectors, patch_embedding, patch_grid
from mfu_planner.errors import InputError
from mfu_planner.numeric import ceil_div, floor
from mfu_planner.operators import ALL, Convolution, Elementwise, Rows, Stream

_MLPS = ("dense", "sparse")
_FIRST_SPARSE = 3
"""The first layers are dense where the config does not list the kinds (``Step3p7TextConfig``)."""


def _without_prediction(c: Config, layers: int) -> None:
    """Older files list the layers of multi-token prediction behind the others: left out here, as the class does."""
    further = c.size("num_nextn_predict_layers", "num_mtp_layers", default=0, least=0)
    for name in ("layer_types", "mlp_layer_types"):
        value = c.data.get(name)
        if further and isinstance(value, list) and len(value) == layers + further:
            c.data = {**c.data, name: value[:layers]}


def _sparse_layers(c: Config, layers: int) -> list[str]:
    """The kind of each layer's MLP: listed, or numbers of sparse layers joined by commas, or all but the first."""
    listed = listed_kinds(c, "mlp_layer_types", layers=layers, known=_MLPS)
    older = c.raw("moe_layers_enum")
    if listed:
        return listed
    if older is None:
        return [_MLPS[n >= _FIRST_SPARSE] for n in range(layers)]
    parts = older.split(",") if isinstance(older, str) else older
    if not isinstance(parts, list) or not all(str(one).strip().isdecimal() for one in parts if str(one).strip()):
        raise InputError(f"{c.origin}: moe_layers_enum", older, "numbers of layers, such as '3,4,5'")
    sparse = {int(one) for one in parts if str(one).strip()}
    return [_MLPS[n in sparse] for n in range(layers)]


def _text(c: Config) -> Architecture:
    hidden, layers = c.size("hidden_size"), c.size("num_hidden_layers")
    kv_heads, head_dim = c.size("num_key_value_heads", "num_attention_groups"), c.size("head_dim")
    heads, bias = c.size("num_attention_heads"), c.flag("attention_bias", default=False)
    other = c.raw("attention_other_setting") or {}
    local = c.size("num_sliding_attention_heads", default=other.get("num_attention_heads", heads))
    c.no_effect(
        "hidden_act", "query_pre_attn_scalar", "moe_router_scaling_factor", "swiglu_limits", "swiglu_limits_shared",
        "mtp_layer_types", "mtp_mlp_layer_types", "per_layer_config", "partial_rotary_factors", "gating",
        "norm_expert_weight", "use_moe", "moe_router_activation", "need_fp32_gate", "use_head_wise_attn_gate",
        "use_moe_router_bias", "use_qk_norm", "zero_centered", "num_local_experts", "yarn_only_types",
    )  # fmt: skip
    _without_prediction(c, layers)
    kinds = mask_kinds(c, layers, lambda _: False)
    masks, counts = masks_of(c, kinds), {"full_attention": heads, "sliding_attention": local}
    mixers = {
        kind: gated_output(
            hidden,
            grouped(hidden, Heads(counts[kind], kv_heads, head_dim), masks[kind], bias=bias),
            counts[kind],
            head_dim,
            by_head=True,
        )
        for kind in dict.fromkeys(kinds)
    }
    mlps = _sparse_layers(c, layers)
    shared, mlp_bias = c.size("share_expert_dim", "share_expert_dims"), c.flag("mlp_bias", default=False)
    forwards = gated_feed_forwards(c, hidden, mlps, shared_ffn=lambda _: shared, bias=mlp_bias)
    return sparse_decoder(c, hidden, mixers, kinds, forwards, mlps)


def step_tower(outer: Config, c: Config, hidden: int, notes: list[str]) -> Blocks:
    """Scaled branches over patches with rotary positions, two convolutions that halve the sides, one product."""
    del notes
    width, heads = c.size("hidden_size", "width"), c.size("num_attention_heads", "heads")
    s = Sizes(
        hidden=width,
        heads=heads,
        kv_heads=heads,
        ffn=floor(width * c.number("mlp_ratio")),
        vocab=0,
        layers=c.size("num_hidden_layers", "layers"),
        head_dim=c.divides("hidden_size / num_attention_heads", width, heads, letter="h"),
    )
    down, across, patch = patch_grid(c)
    own = c.pair("image_size")
    entries = (own[0] // patch[0]) * (own[1] // patch[1])
    rows = Rows(Stream.IMAGE, down * across)
    half = Rows(Stream.IMAGE, ceil_div(down, 2) * ceil_div(across, 2))
    quarter = Rows(Stream.IMAGE, ceil_div(down, 4) * ceil_div(across, 4))
    c.no_effect(
        "hidden_act",
        "intermediate_size",
        "layer_scale_init_value",
        "ls_init_value",
        "rope_parameters",
        "max_position_embeddings",
    )
    outer.no_effect("understand_projector_stride")
    pairs = rows.factor * rows.factor
    scales = [Elementwise(name=f"{n}_scale", width=s.hidden, weights=s.hidden, rows=rows) for n in ("attention", "mlp")]
    layer = pre_norm(
        s,
        (*attention_of(s, ALL, bias=True, rows=rows, unit_pairs=pairs), scales[0]),
        (*plain_mlp(s.hidden, s.ffn, rows=rows), scales[1]),
        bias=True,
        rows=rows,
    )
    first: Operators = (
        patch_embedding(c.size("num_channels"), s.hidden, patch, rows, bias=False),
        free_vectors("vision_position_embedding", entries, s.hidden, rows),
        norm("pre_norm", s.hidden, bias=True, rows=rows),
    )
    last = (
        _halving("downsample_1", s.hidden, half),
        _halving("downsample_2", 2 * s.hidden, quarter),
        linear("projector", 4 * s.hidden, hidden, quarter, bias=outer.flag("projector_bias", default=False)),
    )
    return blocks(first, layer, s.layers, last)


def _halving(name: str, channels: int, rows: Rows) -> Convolution:
    """A 3 × 3 convolution with stride two that doubles the channels."""
    return Convolution(name=name, in_channels=channels, out_channels=2 * channels, kernel=9, bias=True, rows=rows)


IMPORTERS = {"step3p5": _text}
