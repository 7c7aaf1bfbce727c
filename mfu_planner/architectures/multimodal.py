"""Models that see: a decoder from ``text_config``, an image tower from ``vision_config``, and what joins them.

``seq_len`` counts the decoder's positions, those that hold images included; the tower's work comes on top of it, once
for each image of a sequence.

References
----------
.. [1] Liu et al. 2023, arXiv:2304.08485 (LLaVA); Gemma Team 2025, arXiv:2503.19786 (Gemma 3).
.. [2] Meta 2025 (Llama 4: patches merged by pixel shuffle).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mfu_planner.architectures.clip import attention_pooling, vision_tower
from mfu_planner.architectures.config import Config
from mfu_planner.architectures.defaults import defaults_of, top_level_defaults_of
from mfu_planner.architectures.layers import Operators, without_gradients
from mfu_planner.architectures.llava import llava_tower
from mfu_planner.architectures.minimax_m3 import minimax_tower
from mfu_planner.architectures.model import Architecture, Block, layer_numbers
from mfu_planner.architectures.muse import muse_tower
from mfu_planner.architectures.ocr_towers import glm_ocr_tower, paddleocr_tower
from mfu_planner.architectures.parts import norm
from mfu_planner.architectures.qwen_vision import qwen2_5_vl_tower, qwen2_vl_tower, qwen3_vl_tower
from mfu_planner.architectures.registry import importer_of
from mfu_planner.architectures.shuffled import cohere_tower, idefics3_tower, lfm2_tower, paligemma_tower
from mfu_planner.architectures.step import step_tower
from mfu_planner.architectures.towers import gemma4_tower, glm4v_tower, internvit_tower, moonvit_tower, pixtral_tower
from mfu_planner.architectures.vit import free_vectors, patch_grid, tower_sizes, vision_layer
from mfu_planner.architectures.without_towers import molmo2_tower, unified_towers
from mfu_planner.errors import InputError
from mfu_planner.numeric import floor
from mfu_planner.operators import Elementwise, MatMul, Role, Rows, Split, Stream

_JOINTS = (
    "image_token_id",
    "image_token_index",
    "video_token_id",
    "video_token_index",
    "audio_token_index",
    "vision_start_token_id",
    "vision_end_token_id",
    "vision_token_id",
    "boi_token_index",
    "eoi_token_index",
    "boi_token_id",
    "eoi_token_id",
    "audio_token_id",
    "image_seq_length",
    "projector_hidden_act",
    "ignore_index",
    "processor_class",
    "mm_tokens_per_image",
    "num_image_tokens",
    "media_placeholder_token_id",
    "image_start_token_id",
    "image_end_token_id",
    "video_start_token_id",
    "video_end_token_id",
    "boa_token_id",
    "eoa_token_id",
    "eoa_token_index",
    "language_model_only",
)
"""Keys about how images stand among the tokens."""

Tower = Callable[[Config, list[str]], tuple[Block, ...]]


def text_part(
    c: Config,
    default_type: str,
    *,
    tied_default: bool = False,
    tied_by_text: bool = False,
    never_tied: bool = False,
    tied_by_whole: bool = False,
) -> Architecture:
    """The decoder; older files hold its fields at the top level, and the tie to the head may stand at either.

    ``tied_by_text``: only the decoder's own field ties the head.  ``tied_by_whole``: only the whole's does.
    ``never_tied``: the class has a head of its own.
    """
    own = c.raw("text_config")
    flat = own is None
    if flat:
        own = {k: v for k, v in c.data.items() if k not in ("vision_config", "model_type", "architectures")}
        c.no_effect(*own)
    kind = own.get("model_type", default_type) if isinstance(own, dict) else default_type
    part = c.part("text_config", top_level_defaults_of(kind) if flat else defaults_of(kind))
    c.no_effect("tie_word_embeddings")
    outer = False if tied_by_text else c.raw("tie_word_embeddings")
    inner = bool(own.get("tie_word_embeddings")) and not tied_by_whole
    tied = inner or (tied_default if outer is None else bool(outer))
    tied = tied and not never_tied
    part.no_effect(*_JOINTS)
    if c.model_type == "paligemma":  # said of the prefix alone
        part.no_effect("use_bidirectional_attention")
        own = {**own, "use_bidirectional_attention": None}
    part.data = {**own, "model_type": kind, "tie_word_embeddings": tied}
    return importer_of(kind, part.origin)(part)


def vision_part(c: Config, default_type: str, *, resized: bool = True) -> Config:
    """The image tower's config with the defaults of its type."""
    own = c.raw("vision_config", {})
    kind = own.get("model_type", default_type) if isinstance(own, dict) else default_type
    part = c.part("vision_config", defaults_of(kind) or defaults_of(default_type), resized=resized)
    part.no_effect("model_type")
    return part


def joined(c: Config, text: Architecture, vision: tuple[Block, ...], notes: list[str]) -> Architecture:
    """Towers before the decoder, under the name of the whole."""
    c.no_effect(*_JOINTS)
    return replace(text, name=c.model_type, blocks=(*vision, *text.blocks), notes=(*text.notes, *notes))


def _linear(name: str, inputs: int, outputs: int, rows: Rows, *, bias: bool = False) -> MatMul:
    return MatMul(
        name=name, inputs=inputs, outputs=outputs, bias=bias, role=Role.OTHER, split=Split.REPLICATED, rows=rows
    )


def _qwen(tower: Tower) -> Callable[[Config], Architecture]:
    def read(c: Config) -> Architecture:
        notes: list[str] = []
        text = text_part(c, f"{c.model_type}_text")
        vision = c.part("vision_config", defaults_of(f"{c.model_type}_vision") or defaults_of(_dense(c.model_type)))
        vision.no_effect("model_type")
        return joined(c, text, tower(vision, notes), notes)

    return read


def _dense(model_type: str) -> str:
    """The type whose tower a mixture shares."""
    return f"{model_type.removesuffix('_moe')}_vision"


def _gemma3(c: Config) -> Architecture:
    notes: list[str] = []
    text = text_part(c, "gemma3_text", tied_default=True)
    vision = vision_part(c, "siglip_vision_model")
    blocks, width, tokens = vision_tower(vision, siglip=True, stream=Stream.IMAGE)
    last: Operators = (norm("vision_final_norm", width, bias=True, rows=Rows(Stream.IMAGE, tokens)),)
    if vision.flag("vision_use_head", default=True):
        last += without_gradients(attention_pooling(vision, tokens, Stream.IMAGE))
    pooled = Rows(Stream.IMAGE, c.size("mm_tokens_per_image"))
    last += (norm("projector_norm", width, rows=pooled), _linear("projector", width, text.hidden, pooled))
    notes.append("the tokens of one image see one another in Gemma 3; `causal` counts them as text")
    return joined(c, text, (*blocks, Block("vision output", last, stack="vision")), notes)


def _llama4(c: Config) -> Architecture:
    text = text_part(c, "llama4_text", tied_by_text=True)
    v = vision_part(c, "llama4_vision_model")
    s = tower_sizes(v)
    down, across, patch = patch_grid(v)
    patches = Rows(Stream.IMAGE, v.derived("P", down * across))
    rows = Rows(Stream.IMAGE, v.derived("T", patches.factor + 1))
    ratio = v.number("pixel_shuffle_ratio")
    shuffled = Rows(Stream.IMAGE, floor(patches.factor * ratio * ratio))
    channels, inner, outer = v.size("num_channels"), v.size("projector_input_dim"), v.size("projector_output_dim")
    v.no_effect(
        "hidden_act",
        "vision_feature_layer",
        "vision_feature_select_strategy",
        "multi_modal_projector_bias",
        "projector_dropout",
        "model_type",
        "rope_parameters",
    )
    first = (
        replace(_linear("patch_embedding", channels * patch[0] * patch[1], s.hidden, patches), input_grad=False),
        free_vectors("class_token", 1, s.hidden, rows),
        free_vectors("vision_position_embedding", rows.factor, s.hidden, rows),
        norm("pre_norm", s.hidden, bias=True, rows=rows),
    )
    last = (
        norm("vision_final_norm", s.hidden, bias=True, rows=rows),
        _linear("shuffle_up_proj", s.ffn, inner, shuffled),
        Elementwise(name="shuffle_activation", width=inner, kept=1, rows=shuffled),
        _linear("shuffle_down_proj", outer, outer, shuffled),
        Elementwise(name="shuffle_output_activation", width=outer, kept=1, rows=shuffled),
        _linear("projector", v.size("vision_output_dim"), text.hidden, shuffled),
    )
    vision = (
        Block("vision embedding", first, stack="vision"),
        Block("vision layer", vision_layer(s, rows), layer_numbers(s.layers), stack="vision"),
        Block("vision output", last, stack="vision"),
    )
    return joined(c, text, vision, [])


_BLIND_TOO = ("gemma4", "gemma4_unified")
"""Types that are built without a tower where the config has none."""
JoinedTower = Callable[[Config, Config, int, list[str]], tuple[Block, ...]]
"""(whole config, the tower's, the decoder's width, notes) → the tower's blocks with its projector."""


def _with_tower(
    tower: JoinedTower,
    text_type: str,
    vision_type: str,
    *,
    tied_default: bool = False,
    tied_by_text: bool = False,
    never_tied: bool = False,
    tiled: bool = False,
) -> Callable[[Config], Architecture]:
    """``tiled``: the tower sees tiles of its own size, whatever the size of the image."""

    def read(c: Config) -> Architecture:
        notes: list[str] = []
        text = text_part(c, text_type, tied_default=tied_default, tied_by_text=tied_by_text, never_tied=never_tied)
        if not c.has("vision_config"):
            if c.model_type in _BLIND_TOO:
                return joined(c, text, (), [])
            raise InputError(f"{c.origin}: vision_config", "nothing", "the image tower's config")
        return joined(c, text, tower(c, vision_part(c, vision_type, resized=not tiled), text.hidden, notes), notes)

    return read


def _alone(tower: Tower) -> JoinedTower:
    """A tower that asks nothing of the whole config."""
    return lambda _outer, c, _hidden, notes: tower(c, notes)


def _gemma3n(c: Config) -> Architecture:
    """The decoder alone: the image tower is timm's MobileNet, the sound tower a conformer of its own."""
    towers = ("vision_config", "audio_config")
    c.no_effect(*towers, "audio_soft_tokens_per_image", "vision_soft_tokens_per_image")
    text = text_part(c, "gemma3n_text", tied_default=True)
    notes = [f"{c.origin}: {name}: the tower is left out of parameters and work" for name in towers]
    return joined(c, text, (), notes)


IMPORTERS = {
    "gemma3n": _gemma3n,
    "gemma4_unified": _with_tower(unified_towers, "gemma4_unified_text", "gemma4_unified_vision", tied_default=True),
    "molmo2": _with_tower(molmo2_tower, "molmo2_text", "molmo2_vision", never_tied=True),
    "exaone4_5": _with_tower(_alone(qwen2_5_vl_tower), "exaone4", "exaone4_5_vision"),
    "glm_ocr": _with_tower(glm_ocr_tower, "glm_ocr_text", "glm_ocr_vision"),
    "minimax_m3_vl": _with_tower(minimax_tower, "minimax_m3_vl_text", "minimax_m3_vl_vision"),
    "muse_glimmer": _with_tower(muse_tower, "muse_glimmer_text", "muse_glimmer_vision"),
    "paddleocr_vl": _with_tower(paddleocr_tower, "paddleocr_vl_text", "paddleocr_vl_vision", tied_default=True),
    "step3p7": _with_tower(step_tower, "step3p5", "step3p5_vision"),
    "aya_vision": _with_tower(cohere_tower, "cohere2", "siglip_vision_model", tied_default=True),
    "cohere2_vision": _with_tower(cohere_tower, "cohere2", "siglip_vision_model", tied_default=True),
    "idefics3": _with_tower(idefics3_tower, "llama", "idefics3_vision"),
    "lfm2_vl": _with_tower(lfm2_tower, "lfm2", "siglip2_vision_model", tied_default=True),
    "paligemma": _with_tower(paligemma_tower, "gemma", "siglip_vision_model", tied_default=True),
    "smolvlm": _with_tower(idefics3_tower, "llama", "smolvlm_vision"),
    "gemma4": _with_tower(gemma4_tower, "gemma4_text", "gemma4_vision", tied_default=True),
    "glm46v": _with_tower(glm4v_tower, "glm4v_text", "glm4v_vision"),
    "glm4v": _with_tower(glm4v_tower, "glm4v_text", "glm4v_vision"),
    "glm4v_moe": _with_tower(glm4v_tower, "glm4v_moe_text", "glm4v_moe_vision"),
    "internvl": _with_tower(internvit_tower, "qwen2", "internvl_vision", tied_default=True),
    "kimi_k25": _with_tower(moonvit_tower, "deepseek_v3", "kimi_k25_vision", tied_default=True),
    "mistral3": _with_tower(pixtral_tower, "mistral", "pixtral", tied_default=True),
    "qwen3_5": _qwen(qwen3_vl_tower),
    "qwen3_5_moe": _qwen(qwen3_vl_tower),
    "qwen2_vl": _qwen(qwen2_vl_tower),
    "qwen2_5_vl": _qwen(qwen2_5_vl_tower),
    "qwen3_vl": _qwen(qwen3_vl_tower),
    "qwen3_vl_moe": _qwen(qwen3_vl_tower),
    "gemma3": _gemma3,
    "llama4": _llama4,
    "llava": _with_tower(llava_tower, "llama", "clip_vision_model"),
    "llava_next": _with_tower(llava_tower, "llama", "clip_vision_model", tiled=True),
    "llava_onevision": _with_tower(llava_tower, "qwen2", "siglip_vision_model", tiled=True),
    "vipllava": _with_tower(llava_tower, "llama", "clip_vision_model"),
}
