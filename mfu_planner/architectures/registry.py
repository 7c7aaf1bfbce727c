"""From a ``config.json`` to an Architecture: one importer for each ``model_type``, an error for any other."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.model import Architecture
from mfu_planner.errors import InputError, nearest

Importer = Callable[[Config], Architecture]

_FAMILIES: dict[str, str] = {
    "gpt2": "gpt",
    "gpt_neox": "gpt",
    "llama": "llama",
    "mistral": "llama",
    "qwen2": "llama",
    "bamba": "bamba",
    "dbrx": "mixtral",
    "deepseek_v2": "deepseek",
    "deepseek_v3": "deepseek",
    "falcon_h1": "bamba",
    "falcon_mamba": "mamba",
    "glm": "glm",
    "glm4": "glm",
    "glm4_moe": "glm",
    "gpt_oss": "gpt_oss",
    "granitemoe": "mixtral",
    "granitemoehybrid": "bamba",
    "jamba": "jamba",
    "kimi_k2": "deepseek",
    "llama4_text": "llama4",
    "mamba": "mamba",
    "mamba2": "mamba",
    "mixtral": "mixtral",
    "nemotron_h": "nemotron_h",
    "olmoe": "mixtral",
    "phimoe": "mixtral",
    "qwen2_moe": "qwen_moe",
    "qwen3_moe": "qwen_moe",
    "qwen3_next": "qwen_next",
    "zamba2": "zamba",
}
"""model_type → module of this package that defines ``IMPORTERS`` with that key (imported when needed)."""


def known_model_types() -> tuple[str, ...]:
    """Every ``model_type`` that can be imported."""
    return tuple(sorted(_FAMILIES))


def from_config(data: Mapping[str, Any], *, origin: str = "config.json") -> Architecture:
    """The architecture that a Hugging Face ``config.json`` describes.

    Raises
    ------
    InputError
        An unknown ``model_type`` (with the nearest known ones), a field that is missing or contradictory.
    """
    bare = Config(data, origin=origin)
    model_type = bare.text("model_type") if bare.has("model_type") else None
    if model_type is None:
        raise InputError(f"{origin}: model_type", "nothing", "a Hugging Face config.json, which names its model_type")
    if model_type not in _FAMILIES:
        raise InputError(
            f"{origin}: model_type",
            model_type,
            "a known architecture (`mfu-planner models` lists them), or --params with the 6n convention",
            nearest(model_type, _FAMILIES),
        )
    config = Config(data, origin=origin, defaults=_defaults().get(model_type))
    module = import_module(f"mfu_planner.architectures.{_FAMILIES[model_type]}")
    architecture: Architecture = module.IMPORTERS[model_type](config)
    return architecture.with_notes(*_remarks(config))


def _remarks(config: Config) -> list[str]:
    """What the reader of a result must know of the config: defaults taken, keys not used."""
    remarks = []
    if config.assumed:
        taken = ", ".join(f"{name} = {value}" for name, value in sorted(config.assumed.items()))
        remarks.append(f"{config.origin} leaves out {taken}: the defaults of its model_type were taken")
    if unused := config.unused():
        remarks.append(f"{config.origin}: not used: {', '.join(unused)}; check whether they change the work")
    return remarks


@cache
def _defaults() -> dict[str, dict[str, Any]]:
    """Defaults of each ``model_type`` in the pinned transformers release (model_specs/config_defaults.json)."""
    from mfu_planner.facts import folder

    path = folder("model_specs") / "config_defaults.json"
    if not path.exists():
        return {}
    held: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8"))["defaults"]
    return held
