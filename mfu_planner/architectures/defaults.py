"""What a config that leaves a field out means: the defaults of its ``model_type``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

ALWAYS_STATED = frozenset(
    {
        "d_ff",
        "d_model",
        "decoder_layers",
        "depths",
        "dim",
        "encoder_layers",
        "ffn_dim",
        "hidden_dim",
        "hidden_size",
        "hidden_sizes",
        "intermediate_size",
        "n_embd",
        "n_head",
        "n_heads",
        "n_layer",
        "n_layers",
        "num_attention_heads",
        "num_heads",
        "num_hidden_layers",
        "num_layers",
        "vocab_size",
    }
)
"""Sizes that every published config states at its top level: one that is missing there is an error, not a default.
(Nested configs are published without the fields that have their default.)"""


def top_level_defaults_of(model_type: object) -> Mapping[str, Any]:
    """Defaults for the top level of a config: those of its type but for the sizes that make the model."""
    return {k: v for k, v in defaults_of(model_type).items() if k not in ALWAYS_STATED}


def defaults_of(model_type: object) -> Mapping[str, Any]:
    """Defaults of a ``model_type`` (a nested one too) in the pinned transformers release; empty where none are held."""
    return _all().get(model_type, {}) if isinstance(model_type, str) else {}


@cache
def _all() -> dict[str, dict[str, Any]]:
    """Defaults of each ``model_type`` in the pinned transformers release (model_specs/config_defaults.json)."""
    from mfu_planner.facts import shipped_json

    held: dict[str, dict[str, Any]] = shipped_json("model_specs", "config_defaults.json")["defaults"]
    return held
