"""Write ``model_specs/index.json``: what the presets are, readable without opening every one of them.

``python scripts/model_index.py`` writes it; ``--check`` says with its exit status whether the one on disk is fresh.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

SPECS = Path(__file__).resolve().parent.parent / "model_specs"
NOT_PRESETS = {"index.json", "config_defaults.json"}


def preset_files(folder: Path = SPECS) -> list[Path]:
    """The preset files, one model each, by name."""
    return sorted(path for path in folder.glob("*.json") if path.name not in NOT_PRESETS)


def row(spec: dict[str, Any]) -> dict[str, Any]:
    """What the index says of one preset."""
    config = spec["config"]
    return {
        "id": spec["id"],
        "name": spec["name"],
        "family": spec["family"],
        "model_type": config.get("model_type") or config.get("_class_name"),
        "params": spec["params_measured"] or spec["params_published"],
        "seq_len": spec["seq_len"],
        "source": spec["source"],
    }


def text(folder: Path = SPECS) -> str:
    """The content of ``index.json``: one preset a line."""
    rows = [row(json.loads(path.read_text("utf-8"))) for path in preset_files(folder)]
    lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in rows)
    return "[\n" + lines + "\n]\n"


def main(arguments: list[str]) -> int:
    """Write the index, or with ``--check`` compare it."""
    target, wanted = SPECS / "index.json", text()
    if "--check" in arguments:
        return 0 if target.exists() and target.read_text("utf-8") == wanted else 1
    target.write_text(wanted, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
