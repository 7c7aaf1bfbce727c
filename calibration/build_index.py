"""Write ``index.json``, which the program reads, from the YAML of this folder."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import yaml

HERE = pathlib.Path(__file__).parent
NAMES = (
    "products",
    "collectives",
    "stacks",
    "fabrics",
    "rules",
    "ranges",
    "memory",
    "fits",
    "failures",
    "multipliers",
    "eager",
)
NOT_CONSTANTS = ("script", "source")


def index() -> dict[str, object]:
    """All calibration files as one object."""
    held = {name: yaml.safe_load((HERE / f"{name}.yaml").read_text("utf-8")) for name in NAMES}
    for name in ("stacks", "fabrics"):
        held[name] = {key: value for key, value in held[name].items() if key not in NOT_CONSTANTS}
    held["stacks"] = inherited(held["stacks"])
    held["products"]["best_rates"] = best_rates()
    return held


def inherited(stacks: Mapping[str, Any]) -> dict[str, Any]:
    """Stacks with the constants of those that they extend."""
    found: dict[str, Any] = {}
    for name, block in stacks.items():
        under = found[block["extends"]]["constants"] if "extends" in block else {}
        found[name] = {**block, "constants": {**under, **block["constants"]}}
    return found


def best_rates() -> dict[str, dict[str, float]]:
    """Best measured rate [FLOP/s] by device and format, out of ``achievable_rates.yaml``."""
    found: dict[str, dict[str, float]] = {}
    for row in yaml.safe_load((HERE / "achievable_rates.yaml").read_text("utf-8"))["rates"]:
        number, unit = row["rate"].split()
        scale = {"TFLOP/s": 1e12, "PFLOP/s": 1e15}[unit]
        for device in row["accelerators"]:
            held = found.setdefault(device, {})
            held[row["dtype"]] = max(held.get(row["dtype"], 0.0), float(number) * scale)
    return found


def text() -> str:
    """The file as it should stand."""
    return json.dumps(index(), separators=(",", ":"), default=str) + "\n"


if __name__ == "__main__":
    (HERE / "index.json").write_text(text(), "utf-8")
