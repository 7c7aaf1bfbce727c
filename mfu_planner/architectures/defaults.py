"""What a config that leaves a field out means: the defaults of its ``model_type``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any


def defaults_of(model_type: str) -> Mapping[str, Any]:
    """Defaults of a ``model_type`` (a nested one too) in the pinned transformers release; empty where none are held."""
    return _all().get(model_type, {})


@cache
def _all() -> dict[str, dict[str, Any]]:
    """Defaults of each ``model_type`` in the pinned transformers release (model_specs/config_defaults.json)."""
    from mfu_planner.facts import folder

    path = folder("model_specs") / "config_defaults.json"
    if not path.exists():
        return {}
    held: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8"))["defaults"]
    return held
