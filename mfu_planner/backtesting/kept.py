"""The back-test that the Accuracy page opens with, kept beside the runs: it takes seconds to predict them all.

``python -m mfu_planner.backtesting.kept`` (a part of ``make accuracy``) writes it. What is kept counts only
while the facts, constants and code that it came from are the same, to the last byte; else the runs are predicted again.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from mfu_planner.facts import folder

_FILE = "opening.json"
_CODE = (
    "answers", "architectures", "backtesting", "counting", "hardware", "machine", "numeric", "operators", "published",
    "questions", "run", "step", "units",
)  # fmt: skip
_FACTS = {
    "published_runs": ("runs*.csv", "sources.yaml", "configs/*"),
    "calibration": ("*.json", "*.yaml", "*.csv"),
    "hardware_specs": ("*.json",),
    "model_specs": ("*.json",),
}
_COLUMNS = ("id", "source", "published", "predicted", "error", "low", "high", "skipped")


def origin() -> str:
    """A digest of everything that a predicted step time depends on."""
    package = Path(__file__).parents[1]
    files: list[tuple[Path, Path]] = [
        (p, p.relative_to(package)) for name in _CODE for p in (package / name).rglob("*.py")
    ]
    for name, patterns in _FACTS.items():
        held = folder(name)
        files += [(p, p.relative_to(held.parent)) for pattern in patterns for p in held.glob(pattern) if p.is_file()]
    made = hashlib.sha256()
    for path, called in sorted(files, key=lambda file: file[1].as_posix()):
        made.update(f"{called.as_posix()}\0".encode())
        made.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return made.hexdigest()


def opening() -> dict[str, Any]:
    """Step times, each source left out of every fit: the kept answer where it is still true, else a fresh one."""
    kept = _kept()
    if kept.get("origin") != origin():
        return _fresh()
    found: dict[str, Any] = kept["answer"]
    return found | {"rows": tuple(dict(zip(_COLUMNS, row, strict=True)) for row in found["rows"])}


def _kept() -> dict[str, Any]:
    path = folder("published_runs") / _FILE
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def _fresh() -> dict[str, Any]:
    from mfu_planner.backtesting import backtest

    return dict(backtest("step-time", leave_one_source_out=True))


def write() -> None:
    """Predict every run and keep the answer."""
    found = _fresh()
    rows = [[row.get(name) for name in _COLUMNS] for row in found["rows"]]
    assert {name for row in found["rows"] for name in row} <= set(_COLUMNS)
    answer = {name: value for name, value in found.items() if value is not None} | {"rows": rows}
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    text = json.dumps({"origin": origin(), "answer": answer | {"rows": "ROWS"}}, default=list)
    (folder("published_runs") / _FILE).write_text(text.replace('"ROWS"', f"[\n{lines}]") + "\n", "utf-8")


if __name__ == "__main__":
    write()
