"""Write ``model_specs/config_defaults.json``: what transformers assumes for fields that a ``config.json`` leaves out.

The values are the defaults of the configuration classes' own fields, not those of an instance: what a class computes
from other fields (layer types, key/value heads left to the number of heads) stays null, as the class has it.
Run with the release of transformers that the golden data names.
"""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parents[2] / "model_specs" / "config_defaults.json"
PARTS = {
    "dbrx": ("attn_config", "ffn_config"),
    "mpt": ("attn_config",),
    "clip": ("text_config", "vision_config"),
    "gemma3": ("text_config", "vision_config"),
    "llama4": ("text_config", "vision_config"),
    "qwen2_vl": ("text_config", "vision_config"),
    "qwen2_5_vl": ("text_config", "vision_config"),
    "qwen3_vl": ("text_config", "vision_config"),
    "qwen3_vl_moe": ("text_config", "vision_config"),
}
NESTED = (
    "sam_mask_decoder",
    "sam_prompt_encoder",
    "inkling_audio",
    "inkling_vision",
    "phi4_multimodal_audio",
    "phi4_multimodal_vision",
    "molmo2_adapter",
    "molmo2_vision",
    "gemma4_unified_audio",
    "gemma4_unified_vision",
    "minimax_m3_vl_vision",
    "mllama_vision_model",
    "ernie4_5_vl_moe_vision",
    "step3p5_vision",
    "paddleocr_vl_vision",
    "muse_glimmer_vision",
    "glm_ocr_vision",
    "exaone4_5_vision",
    "audioflamingo3_encoder",
    "qwen2_5_omni_audio_encoder",
    "qwen2_5_omni_vision_encoder",
    "qwen2_audio_encoder",
    "qwen3_asr_encoder",
    "qwen3_omni_moe_audio_encoder",
    "qwen3_omni_moe_vision_encoder",
    "voxtral_encoder",
    "idefics3_vision",
    "smolvlm_vision",
    "gemma4_vision",
    "glm4v_vision",
    "glm4v_moe_vision",
    "internvl_vision",
    "kimi_k25_vision",
    "pixtral",
    "qwen3_5_vision",
    "qwen3_5_moe_vision",
    "llama4_vision_model",
    "qwen2_vl_vision",
    "qwen2_5_vl_vision",
    "qwen3_vl_vision",
    "qwen3_vl_moe_vision",
)
"""Types of nested configs that no importer reads by themselves."""
NO_EFFECT = re.compile(
    r"token_id|token_index|drop|initializer|init_|_eps(ilon)?$|^use_cache$|(?<!qk_)rope_|torch_dtype|^dtype$|transformers_version"
    r"|^output_|return_dict|^summary_|mask_time|mask_feature|^time_step_(min|max|floor|limit|scale|init)|logit_scale"
    r"|logits_scaling|multiplier|softcapping|router_aux|jitter|_loss_|^pretraining_tp$|slow_but_exact|^chunk_size_feed"
    r"|id2label|label2id|problem_type|architectures|_name_or_path|^is_decoder$|suppress_tokens|median_filter|spec_augment"
    r"|^is_encoder_decoder$|^default_theta$|residual_in_fp32|rescale_prenorm|mamba_ssm_cache|scale_attn|reorder_and|num_logits_to_keep"
)


KEYWORDS = {
    "cohere2": {"sliding_window_pattern": 4},
    "gemma3_text": {"sliding_window_pattern": 6},
    "gemma3.text_config": {"sliding_window_pattern": 6},
    "qwen3_next": {"full_attention_interval": 4},
    "qwen3_5_text": {"full_attention_interval": 4},
    "qwen3_5_moe_text": {"full_attention_interval": 4},
    "gemma4_text": {"global_head_dim": 512},
    "ernie4_5_vl_moe_text": {"moe_intermediate_size": [1536, 512]},
    "llava_next": {"image_grid_pinpoints": [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]]},
    "llava_onevision": {
        "image_grid_pinpoints": [[384 * height, 384 * width] for height in range(1, 7) for width in range(1, 7)]
    },
    "mllama_text_model": {"cross_attention_layers": [3, 8, 13, 18, 23, 28, 33, 38]},
    "mllama_vision_model": {
        "supported_aspect_ratios": [[1, 1], [1, 2], [1, 3], [1, 4], [2, 1], [2, 2], [3, 1], [4, 1]]
    },
    "molmo2_adapter": {"vision_feature_layer": [24, 18]},
    "gemma4_unified_text": {"global_head_dim": 512},
    "vit": {"num_labels": 2},
    "hubert": {"mask_time_prob": 0.05},
    "wav2vec2": {"mask_time_prob": 0.05},
    "resnet": {"num_labels": 2},
    "convnext": {"num_labels": 2},
    "efficientnet": {"num_labels": 2},
}
"""Read by a class from its keyword arguments, filled in behind its fields, or (number of labels) by the base class."""


def fields(cls: type) -> dict[str, Any]:
    """Default of each field of a configuration class that can change a count."""
    found = {}
    for field in dataclasses.fields(cls):
        if field.name.startswith("_") or NO_EFFECT.search(field.name):
            continue
        value = field.default
        if value is dataclasses.MISSING:
            value = field.default_factory() if field.default_factory is not dataclasses.MISSING else None
        found[field.name] = list(value) if isinstance(value, tuple) else value
    return found


def generate(model_types: list[str]) -> dict[str, Any]:
    """The content of the file for these model types."""
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    defaults, aliases = {}, {}
    for model_type in model_types:
        cls = CONFIG_MAPPING[model_type]
        defaults[model_type] = fields(cls) | KEYWORDS.get(model_type, {})
        aliases[model_type] = dict(getattr(cls, "attribute_map", {}) or {})
        for part in PARTS.get(model_type, ()):
            sub = type(getattr(cls(), part))
            defaults[f"{model_type}.{part}"] = fields(sub) | KEYWORDS.get(f"{model_type}.{part}", {})
            aliases[f"{model_type}.{part}"] = dict(getattr(sub, "attribute_map", {}) or {})
    return {
        "transformers": transformers.__version__,
        "source": f"https://github.com/huggingface/transformers/tree/v{transformers.__version__}/src/transformers/models",
        "generated_by": "tests/golden/defaults.py",
        "defaults": defaults,
        "aliases": {key: value for key, value in aliases.items() if value},
    }


def model_types() -> list[str]:
    """The model types that the program reads, presets and variations among them, where transformers knows them."""
    from building import SAME_AS
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    from mfu_planner.architectures import known_model_types

    found = {SAME_AS.get(t, t) for t in json.loads((Path(__file__).parent / "variation_rows.json").read_text("utf-8"))}
    return sorted(t for t in {*found, *known_model_types(), *NESTED} if t in CONFIG_MAPPING)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    TARGET.write_text(json.dumps(generate(model_types()), indent=1) + "\n", "utf-8")
