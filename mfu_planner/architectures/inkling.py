"""Inkling: short convolutions beside every branch, learned biases by distance, experts beside shared ones.

Images are patches that products fold until one vector is left; sound is discrete and looked up.

References
----------
.. [1] Thinking Machines Lab 2026, https://huggingface.co/thinkingmachines/Inkling; transformers'
   ``modeling_inkling.py``.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise
from math import ceil, log, prod

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import Heads, causal_decoder, index_list, layer_blocks, listed_kinds
from mfu_planner.architectures.defaults import defaults_of
from mfu_planner.architectures.experts import expert_sizes, moe, shared_expert
from mfu_planner.architectures.mixers import causal_convolution
from mfu_planner.architectures.model import Architecture, Block
from mfu_planner.architectures.multimodal import joined, text_part
from mfu_planner.architectures.parts import gated_mlp, norm, residual
from mfu_planner.architectures.sparse_decoders import grouped
from mfu_planner.architectures.towers import Blocks, linear
from mfu_planner.numeric.letters import plain
from mfu_planner.operators import (
    CAUSAL,
    Attention,
    Elementwise,
    Lookup,
    Mask,
    MatMul,
    Norm,
    Operator,
    Role,
    Rows,
    Split,
    Stream,
    window,
)

Operators = tuple[Operator, ...]
_LAYERS, _MLPS = ("hybrid", "hybrid_sliding"), ("dense", "sparse")
_ROUND = 64
"""Channels of a fold are whole multiples of it (``plan_out_scales``)."""


def _short(name: str, width: int, kernel: int) -> Operators:
    """A depthwise convolution over time, added to its input."""
    convolution, _ = causal_convolution(width, kernel, bias=False)
    return (replace(convolution, name=name), residual(f"{name}_residual", width))


def _attention(c: Config, hidden: int, h: Heads, mask: Mask, extent: int, kernel: int) -> Operators:
    """Grouped-query attention, keys and values convolved, a bias for each distance from a few features of each head."""
    features, keys = c.size("d_rel"), h.kv_heads * h.head_dim
    operators = grouped(hidden, h, mask)
    place = next(n for n, op in enumerate(operators) if isinstance(op, Attention))
    relative = MatMul(
        name="r_proj",
        inputs=hidden,
        outputs=h.heads * features,
        role=Role.ATTENTION,
        split=Split.COLUMN,
        reads="attention_input",
    )
    by_distance = MatMul(
        name="distance_proj", inputs=features, outputs=extent, role=Role.ATTENTION, rows=Rows(factor=h.heads)
    )
    return (
        *operators[:3],
        relative,
        *_short("k_convolution", keys, kernel),
        *_short("v_convolution", keys, kernel),
        *operators[3:place],
        by_distance,
        *operators[place:],
    )


def _mlps(c: Config, hidden: int, kinds: list[str]) -> dict[str, Operators]:
    """Gated MLPs with a learned scale; a router that weighs shared experts too."""
    wide = c.size("dense_intermediate_size", "intermediate_size")
    if c.has("dense_intermediate_size"):  # older files name the experts' width intermediate_size
        c.data = {**c.data, "moe_intermediate_size": c.size("intermediate_size")}
    found: dict[str, Operators] = {}
    scale = Elementwise(name="global_scale", width=hidden, weights=1)
    if "dense" in kinds:
        found["dense"] = (*gated_mlp(hidden, wide), scale)
    if "sparse" in kinds:
        ffn, shared = c.size("moe_intermediate_size"), c.size("n_shared_experts", default=0, least=0)
        router, *rest = moe(hidden, expert_sizes(c, ffn), shared=shared_expert(hidden, shared * ffn))
        if isinstance(router, MatMul):
            router = replace(router, outputs=router.outputs + shared)
        found["sparse"] = (router, *rest, replace(scale, role=Role.ROUTER))
    return found


def _text(c: Config) -> Architecture:
    hidden, layers, kernel = c.size("hidden_size"), c.size("num_hidden_layers"), c.size("conv_kernel_size")
    local = index_list(c, "local_layer_ids")
    usual = [_LAYERS[n in local if local is not None else bool((n + 1) % 6)] for n in range(layers)]
    kinds = listed_kinds(c, "layer_types", layers=layers, known=_LAYERS) or usual
    dense = c.size("dense_mlp_idx", default=0, least=0)
    mlp_kinds = listed_kinds(c, "mlp_layer_types", layers=layers, known=_MLPS) or [
        _MLPS[n >= dense] for n in range(layers)
    ]
    c.no_effect(
        "hidden_act", "log_scaling_n_floor", "log_scaling_alpha", "route_scale", "logits_mup_width_multiplier",
        "rms_norm_eps_moe_gate", "shared_expert_sink", "unpadded_vocab_size", "num_mtp_layers",
        "chain_hidden_post_norm", "mtp_hidden_states_first", "mtp_local_layer_ids", "number_of_conv_states",
        "intermediate_size", "moe_intermediate_size", "n_shared_experts",
    )  # fmt: skip
    size = c.size("sliding_window_size")
    wide = Heads(c.size("num_attention_heads"), c.size("num_key_value_heads"), c.size("head_dim"))
    near = Heads(c.size("swa_num_attention_heads"), c.size("swa_num_key_value_heads"), c.size("swa_head_dim"))
    mixers = {
        "hybrid": _attention(c, hidden, wide, CAUSAL, c.size("rel_extent"), kernel),
        "hybrid_sliding": _attention(c, hidden, near, window(size), size, kernel),
    }
    mlps = _mlps(c, hidden, mlp_kinds)
    names = [f"{mlp} {kind.removeprefix('hybrid_')} layer" for mlp, kind in zip(mlp_kinds, kinds, strict=True)]
    operators = {
        name: (
            norm("input_norm", hidden),
            *mixers[kind],
            *_short("attention_convolution", hidden, kernel),
            residual("attention_residual", hidden),
            norm("post_attention_norm", hidden),
            *mlps[mlp],
            *_short("mlp_convolution", hidden, kernel),
            residual("mlp_residual", hidden),
        )
        for name, kind, mlp in zip(names, kinds, mlp_kinds, strict=True)
    }
    return causal_decoder(
        c, hidden, layer_blocks(names, operators), after_embedding=(Norm(name="embedding_norm", width=hidden),)
    )


def _factors(number: int) -> list[int]:
    """Prime factors, the smallest first."""
    found, divisor = [], 2
    while number > 1:
        while number % divisor == 0:
            found.append(divisor)
            number //= divisor
        divisor += 1
    return found


def folds(pictures: int, side: int, layers: int, channels: int) -> list[tuple[int, int, int]]:
    """(pictures, side, channels) that each layer folds into one position, as near to an even shrinking as there is.

    As transformers has it: channels are whole multiples of 64 while sides fold, 64 for each value while pictures do.

    Examples
    --------
    >>> folds(2, 12, 3, 3)
    [(1, 1, 3), (1, 3, 64), (1, 12, 448), (2, 12, 55296)]
    """
    sides = [prod(_factors(side)[: -n - 2 : -1]) for n in range(len(_factors(side)))]
    times = [prod(_factors(pictures)[: -n - 2 : -1]) for n in range(len(_factors(pictures)))]
    steps = [(1, 1, channels), *((1, s, ceil(s * s * channels / _ROUND) * _ROUND) for s in sides)]
    steps += [(t, side, side * side * channels * t * _ROUND) for t in times]
    whole, sizes = log(side * side * pictures * channels), [log(t * s * s) for t, s, _ in steps]
    ideal = [whole * n / layers for n in range(layers + 1)]
    if layers >= len(steps):
        chosen = [min(range(len(steps)), key=lambda n: (abs(at - sizes[n]), n)) for at in ideal]
    else:  # each step once: the choice that is nearest in all, in order
        ways = combinations(range(len(steps)), layers + 1)
        chosen = list(min(ways, key=lambda way: sum(abs(a - sizes[n]) for a, n in zip(ideal, way, strict=True))))
    chosen[0], chosen[-1] = 0, len(steps) - 1
    return [steps[place] for place in chosen]


def _image_tower(c: Config, hidden: int, notes: list[str]) -> Blocks:
    """Products over folded patches; a patch ends as one vector of the decoder's width."""
    side, pictures, layers = (
        c.pair("patch_size")[0],
        c.size("temporal_patch_size"),
        c.size("n_layers", "num_hidden_layers"),
    )
    scales = folds(*(plain(n) for n in (pictures, side, layers, c.size("num_channels"))))
    c.no_effect("hidden_size", "num_attention_heads", "text_hidden_size", "vision_encoder_type")
    across = 0
    if c.image_size:
        across = c.image_size // side
    else:
        notes.append(f"{c.origin}: the images have any size: give one (--image-size) to count their tower's work")
    found: list[Operator] = []
    for number, (before, after) in enumerate(pairwise(scales), start=1):
        inside = (pictures // after[0]) * (side // after[1]) ** 2
        rows = Rows(Stream.IMAGE, across * across * inside)
        inputs = before[2] * (after[0] // before[0]) * (after[1] // before[1]) ** 2
        last = number == layers
        product = linear(f"fold_{number}", inputs, hidden if last else after[2], rows, bias=False)
        found.append(replace(product, input_grad=number > 1))
        if not last:
            found += [Norm(name=f"fold_norm_{number}", width=after[2], rows=rows)]
            found += [Elementwise(name=f"fold_activation_{number}", width=after[2], kept=1, rows=rows)]
    found.append(norm("vision_final_norm", hidden, rows=Rows(Stream.IMAGE, across * across)))
    return (Block("vision embedding", tuple(found), stack="vision"),)


def _whole(c: Config) -> Architecture:
    notes: list[str] = []
    text = text_part(c, "inkling_text")
    vision = c.part("vision_config", defaults_of("inkling_vision"))
    audio = c.part("audio_config", defaults_of("inkling_audio"))
    for part in (vision, audio):
        part.no_effect("model_type", "text_hidden_size", "hidden_size")
    entries = audio.size("n_mel_bins", "num_codebooks") * audio.size("mel_vocab_size", "codebook_size")
    clip = Rows(Stream.CLIP)
    sound = (
        Lookup(name="embed_audio", entries=entries, width=text.hidden, role=Role.OTHER, rows=clip),
        norm("audio_norm", text.hidden, rows=clip),
    )
    towers = (*_image_tower(vision, text.hidden, notes), Block("audio embedding", sound, stack="audio"))
    c.no_effect("image_bos_token_id", "audio_bos_token_id")
    return joined(c, text, towers, notes)


IMPORTERS = {"inkling_mm_model": _whole, "inkling_text": _text}
