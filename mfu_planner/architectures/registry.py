"""From a ``config.json`` to an Architecture: one importer for each ``model_type``, an error for any other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.defaults import top_level_defaults_of
from mfu_planner.architectures.model import Architecture
from mfu_planner.architectures.trained_head import with_trained_head
from mfu_planner.errors import InputError, nearest

if TYPE_CHECKING:
    from mfu_planner.architectures.lettering import Letters

Importer = Callable[[Config], Architecture]

_FAMILIES: dict[str, str] = {
    "DiTTransformer2DModel": "dit",
    "FluxTransformer2DModel": "diffusion",
    "PixArtTransformer2DModel": "diffusion",
    "RefinedWeb": "parallel",
    "RefinedWebModel": "parallel",
    "SD3Transformer2DModel": "diffusion",
    "Transformer2DModel": "dit",
    "UNet2DConditionModel": "unet",
    "WanTransformer3DModel": "diffusion",
    "afmoe": "mixtures",
    "albert": "bert",
    "apertus": "gated",
    "arcee": "gated",
    "audioflamingo3": "audio_text",
    "axk1": "mixtures",
    "aya_vision": "multimodal",
    "bailing_hybrid": "kimi_linear",
    "bamba": "bamba",
    "bart": "bart",
    "beit": "beit",
    "bert": "bert",
    "biogpt": "older_decoders",
    "bitnet": "cousins",
    "bloom": "classic",
    "camembert": "bert",
    "clip": "clip",
    "clip_text_model": "clip",
    "clip_vision_model": "clip",
    "codegen": "parallel",
    "cohere": "parallel",
    "cohere2": "parallel",
    "cohere2_moe": "sparse_decoders",
    "cohere2_vision": "multimodal",
    "convnext": "convnets",
    "convnextv2": "convnets",
    "cwm": "gated",
    "data2vec-text": "bert",
    "data2vec-vision": "beit",
    "dbrx": "mixtral",
    "deberta": "deberta",
    "deberta-v2": "deberta",
    "deepseek_v2": "deepseek",
    "deepseek_v3": "deepseek",
    "deepseek_v32": "indexed",
    "deepseek_v4": "deepseek_v4",
    "deit": "vit",
    "detr": "detr",
    "diffllama": "cousins",
    "dinov2": "dino",
    "dinov2_with_registers": "dino",
    "dinov3_vit": "dino",
    "distilbert": "bert",
    "dots1": "sparse_decoders",
    "efficientnet": "efficientnet",
    "electra": "bert",
    "ernie": "bert",
    "ernie4_5": "gated",
    "ernie4_5_moe": "sparse_decoders",
    "ernie4_5_vl_moe": "ernie_vl",
    "ernie4_5_vl_moe_text": "ernie_vl",
    "exaone": "renamed",
    "exaone4": "gated",
    "exaone4_5": "multimodal",
    "exaone_moe": "sparse_decoders",
    "falcon": "parallel",
    "falcon_h1": "bamba",
    "falcon_mamba": "mamba",
    "flex_olmo": "sparse_decoders",
    "flint": "mixtures",
    "gemma": "gated",
    "gemma2": "gemma",
    "gemma3": "multimodal",
    "gemma3_text": "gemma",
    "gemma3n": "multimodal",
    "gemma3n_text": "gemma4",
    "gemma4": "multimodal",
    "gemma4_text": "gemma4",
    "gemma4_unified": "multimodal",
    "gemma4_unified_text": "gemma4",
    "glm": "gated",
    "glm4": "gated",
    "glm46v": "multimodal",
    "glm4_moe": "glm",
    "glm4_moe_lite": "deepseek",
    "glm4v": "multimodal",
    "glm4v_moe": "multimodal",
    "glm4v_moe_text": "glm",
    "glm4v_text": "gated",
    "glm_moe_dsa": "indexed",
    "glm_ocr": "multimodal",
    "glm_ocr_text": "gated",
    "gpt2": "gpt",
    "gpt_bigcode": "classic",
    "gpt_neo": "older_decoders",
    "gpt_neox": "gpt",
    "gpt_oss": "gpt_oss",
    "gptj": "parallel",
    "granite": "gated",
    "granite_swa": "cousins",
    "granitemoe": "mixtral",
    "granitemoe_swa": "mixtures",
    "granitemoehybrid": "bamba",
    "granitemoeshared": "mixtures",
    "helium": "gated",
    "hubert": "speech",
    "hunyuan_v1_dense": "gated",
    "hunyuan_v1_moe": "sparse_decoders",
    "hy_v3": "sparse_decoders",
    "hyperclovax": "cousins",
    "idefics3": "multimodal",
    "inkling_mm_model": "inkling",
    "inkling_text": "inkling",
    "internlm2": "gated",
    "internlm3": "llama",
    "internvl": "multimodal",
    "iquestcoder": "renamed",
    "jais2": "cousins",
    "jamba": "jamba",
    "kimi_k2": "deepseek",
    "kimi_k25": "multimodal",
    "kimi_linear": "kimi_linear",
    "kolibri1": "mixtures",
    "laguna": "sparse_decoders",
    "lfm2": "lfm2",
    "lfm2_moe": "lfm2",
    "lfm2_vl": "multimodal",
    "llama": "llama",
    "llama4": "multimodal",
    "llama4_text": "llama4",
    "llava": "multimodal",
    "llava_next": "multimodal",
    "llava_onevision": "multimodal",
    "longcat_flash": "longcat",
    "mamba": "mamba",
    "mamba2": "mamba",
    "mbart": "bart",
    "megatron-bert": "bert",
    "mellum": "mixtures",
    "mimo_v2_flash": "sparse_decoders",
    "minicpm3": "deepseek",
    "minimax_m2": "sparse_decoders",
    "minimax_m3_vl": "multimodal",
    "minimax_m3_vl_text": "minimax_m3",
    "ministral": "gated",
    "ministral3": "llama",
    "mistral": "llama",
    "mistral3": "multimodal",
    "mistral4": "deepseek",
    "mixtral": "mixtral",
    "mllama": "mllama",
    "mllama_text_model": "mllama",
    "modernbert": "modernbert",
    "modernbert-decoder": "modernbert",
    "molmo2": "multimodal",
    "molmo2_text": "without_towers",
    "mpt": "classic",
    "mt5": "t5",
    "muse_glimmer": "multimodal",
    "muse_glimmer_text": "muse",
    "nanochat": "cousins",
    "nemotron": "classic",
    "nemotron_h": "nemotron_h",
    "olmo": "gated",
    "olmo2": "gated",
    "olmo3": "gated",
    "olmoe": "mixtral",
    "openai-gpt": "older_decoders",
    "opt": "classic",
    "paddleocr_vl": "multimodal",
    "paddleocr_vl_text": "gated",
    "paligemma": "multimodal",
    "parakeet_ctc": "parakeet",
    "parakeet_encoder": "parakeet",
    "phi": "parallel",
    "phi3": "gated",
    "phi4_multimodal": "phi4_multimodal",
    "phimoe": "mixtral",
    "qwen2": "gated",
    "qwen2_5_omni": "audio_text",
    "qwen2_5_omni_text": "gated",
    "qwen2_5_omni_thinker": "audio_text",
    "qwen2_5_vl": "multimodal",
    "qwen2_5_vl_text": "gated",
    "qwen2_audio": "audio_text",
    "qwen2_moe": "qwen_moe",
    "qwen2_vl": "multimodal",
    "qwen2_vl_text": "gated",
    "qwen3": "gated",
    "qwen3_5": "multimodal",
    "qwen3_5_moe": "multimodal",
    "qwen3_5_moe_text": "qwen3_5",
    "qwen3_5_text": "qwen3_5",
    "qwen3_asr": "audio_text",
    "qwen3_moe": "qwen_moe",
    "qwen3_next": "qwen_next",
    "qwen3_omni_moe": "audio_text",
    "qwen3_omni_moe_text": "qwen_moe",
    "qwen3_omni_moe_thinker": "audio_text",
    "qwen3_vl": "multimodal",
    "qwen3_vl_moe": "multimodal",
    "qwen3_vl_moe_text": "qwen_moe",
    "qwen3_vl_text": "gated",
    "resnet": "convnets",
    "roberta": "bert",
    "roberta-prelayernorm": "bert",
    "sam": "sam",
    "sam_vision_model": "sam",
    "sarvam_mla": "renamed",
    "sarvam_moe": "renamed",
    "seed_oss": "gated",
    "segformer": "segformer",
    "siglip": "clip",
    "siglip2": "clip",
    "siglip2_text_model": "clip",
    "siglip2_vision_model": "clip",
    "siglip_text_model": "clip",
    "siglip_vision_model": "clip",
    "smollm3": "gated",
    "smolvlm": "multimodal",
    "solar_open": "mixtures",
    "stablelm": "parallel",
    "starcoder2": "classic",
    "step3p5": "step",
    "step3p7": "multimodal",
    "swin": "swin",
    "swinv2": "swin",
    "t5": "t5",
    "umt5": "t5",
    "vaultgemma": "cousins",
    "vipllava": "multimodal",
    "vit": "vit",
    "voxtral": "audio_text",
    "wav2vec2": "speech",
    "whisper": "whisper",
    "xglm": "older_decoders",
    "xlm-roberta": "bert",
    "xlm-roberta-xl": "bert",
    "youtu": "deepseek",
    "zamba2": "zamba",
}
"""model_type → module of this package that defines ``IMPORTERS`` with that key (imported when needed)."""


def known_model_types() -> tuple[str, ...]:
    """Every ``model_type`` that can be imported."""
    return tuple(sorted(_FAMILIES))


def from_config(
    data: Mapping[str, Any],
    *,
    origin: str = "config.json",
    image_size: int | None = None,
    as_type: str | None = None,
    letters: Letters | None = None,
) -> Architecture:
    """The architecture that a Hugging Face ``config.json`` describes.

    Parameters
    ----------
    data
        The parsed file.
    origin
        Its name, for messages.
    image_size
        Side of the images [pixels], where it is not the config's own.
    as_type
        The type that an unknown ``model_type`` is counted as; the answer's notes say so.
    letters
        Show every size by its letter; the letters used are noted in it.

    Raises
    ------
    InputError
        An unknown ``model_type`` (with the nearest known ones), a field that is missing or contradictory.
    """
    if "operators_file" in data:
        return _recorded(data, origin, image_size, as_type)
    bare = Config(data, origin=origin)
    stated = bare.raw("model_type", bare.raw("_class_name"))
    name = stated if as_type is None else _stand_in(as_type, stated)
    if not isinstance(name, str):
        raise InputError(f"{origin}: model_type", name, "a Hugging Face config.json, which names its model_type")
    if data.get("add_cross_attention") is True:
        raise InputError(
            f"{origin}: add_cross_attention", True, "false: a decoder with cross-attention of its own is not known here"
        )
    config = Config(
        {**data, "model_type": name},
        origin=origin,
        defaults=top_level_defaults_of(name),
        image_size=image_size,
        letters=letters,
    )
    if name not in _FAMILIES:
        raise InputError(f"{origin}: model_type", name, _accepted(data), nearest(name, _FAMILIES))
    built = _built(name, config)
    if as_type is not None:
        said = f"{origin}: model_type {stated} is not known: counted as {as_type}; what it has beyond that is left out"
        built = replace(built, notes=(said, *built.notes))
    if "architectures" not in config.used:  # an importer that reads it has decided on the head
        built = with_trained_head(config, built)
    if letters is not None:
        letters.said |= {"model_type": name, "architectures": ", ".join(data.get("architectures") or ())}
    if image_size is not None and not config.takes_images:
        raise InputError("image-size", image_size, f"nothing: {name} works on no images of a chosen size")
    return replace(built, notes=(*built.notes, *_unused(config)), assumed=tuple(_assumed(config)))


def _built(name: str, config: Config) -> Architecture:
    """The importer's architecture; sizes that no class could be built from are the config's fault, not a crash."""
    importer = importer_of(name, config.origin)
    try:
        return importer(config)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        said = "fields that do not fit each other"
        raise InputError(config.origin, said, f"a config that {name} can be built from") from error


def _recorded(data: Mapping[str, Any], origin: str, image_size: int | None, as_type: str | None) -> Architecture:
    """The architecture of an operators file, which stands for itself."""
    from mfu_planner.architectures.operators_file import read_operators

    for field, given in (("image-size", image_size), ("as", as_type)):
        if given is not None:
            raise InputError(field, given, "nothing beside a recorded operators file")
    return read_operators(data, origin)


def _stand_in(as_type: str, stated: Any) -> str:
    """The known type that stands in for one that is not."""
    if stated in _FAMILIES:
        raise InputError("as", as_type, f"nothing: {stated} is known and is counted as itself")
    if as_type not in _FAMILIES:
        raise InputError("as", as_type, "a known model_type, such as llama", nearest(as_type, _FAMILIES))
    return as_type


_DECODER_FIELDS = ("hidden_size", "num_attention_heads", "num_hidden_layers", "intermediate_size", "vocab_size")


def _accepted(data: Mapping[str, Any]) -> str:
    """What would do instead of a type that is not known."""
    known = "a known architecture (`mfu-planner models` lists them), or --params with the 6n convention"
    recorder = "`mfu-planner record` reads a type that transformers knows from its own code"
    if not all(type(data.get(field)) is int for field in _DECODER_FIELDS):
        return f"{known}; {recorder}"
    return f"{known}; its fields are those of a plain decoder: --as llama counts it as one and says so; {recorder}"


def importer_of(model_type: object, origin: str) -> Importer:
    """The function that reads configs of a ``model_type`` (a nested one too).

    Raises
    ------
    InputError
        An unknown one, with the nearest known.
    """
    if not isinstance(model_type, str) or model_type not in _FAMILIES:
        raise InputError(
            f"{origin}: model_type",
            model_type,
            "a known architecture (`mfu-planner models` lists them), or --params with the 6n convention",
            nearest(str(model_type), _FAMILIES),
        )
    module = import_module(f"mfu_planner.architectures.{_FAMILIES[model_type]}")
    importer: Importer = module.IMPORTERS[model_type]
    return importer


def _assumed(config: Config) -> list[str]:
    """Defaults that were taken, in the config and in its parts."""
    taken = ", ".join(f"{name} = {value}" for name, value in sorted(config.assumed.items()))
    own = [f"{config.origin} leaves out {taken}: the defaults of its model_type were taken"] if taken else []
    return own + [remark for part in config.parts for remark in _assumed(part)]


def _unused(config: Config) -> list[str]:
    """Keys that nothing used, in the config and in its parts."""
    names = ", ".join(config.unused())
    own = [f"{config.origin}: not used: {names}; check whether they change the work"] if names else []
    return own + [remark for part in config.parts for remark in _unused(part)]
