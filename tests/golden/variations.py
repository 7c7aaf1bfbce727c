"""Small configs that vary every field that changes a parameter or a FLOP, of each model type the project reads.

Each row is (name, note, fields over the type's base). Bases name only what makes a model small, so that the library's
defaults stand behind every field left out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TOKENS = [{"batch": 1, "seq": 16}, {"batch": 3, "seq": 37}]
ROWS = Path(__file__).with_name("variation_rows.json")


def variations() -> dict[str, tuple[dict[str, Any], list[dict[str, int]], str]]:
    """Name to (config, cases, note)."""
    table = json.loads(ROWS.read_text("utf-8"))
    found = {}
    for model_type, kind in table.items():
        for suffix, row in kind["rows"].items():
            config = {
                "model_type": model_type,
                "architectures": [kind["class"]],
                **_merged(kind["base"], row["fields"]),
            }
            if model_type == "dit":
                config = {"_class_name": kind["class"], **_merged(kind["base"], row["fields"])}
            cases = row.get("cases") or kind.get("cases") or TOKENS
            found[f"{model_type}-{suffix}"] = (config, cases, row["note"])
    return found


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Fields over a base; nested objects are merged, "(left out)" removes a key."""
    both = {**base, **over}
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            both[key] = _merged(base[key], value)
        elif value == "(left out)":
            del both[key]
    return both
