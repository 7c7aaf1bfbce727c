"""Generate ``index.json``, what the program reads, from the YAML files of this folder:  python calibration/build_index.py."""

from __future__ import annotations

import json
import pathlib

import yaml

HERE = pathlib.Path(__file__).parent
NOT_CONSTANTS = ("script", "source")


def index() -> dict[str, object]:
    """All calibration files as one object."""
    held = {name: yaml.safe_load((HERE / f"{name}.yaml").read_text("utf-8")) for name in
            ("products", "collectives", "stacks", "fabrics", "rules", "ranges", "memory", "fits")}
    for name in ("stacks", "fabrics"):
        held[name] = {key: value for key, value in held[name].items() if key not in NOT_CONSTANTS}
    return held


def text() -> str:
    """The file as it should stand."""
    return json.dumps(index(), separators=(",", ":"), default=str) + "\n"


if __name__ == "__main__":
    (HERE / "index.json").write_text(text(), "utf-8")
