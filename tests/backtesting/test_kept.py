"""The kept answer of the Accuracy page: read where its origin is today's, made anew where it is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mfu_planner.backtesting import kept

ROW = {"id": "a-1", "source": "a", "published": 2.0, "predicted": 3.0, "error": 0.5, "low": 1.0, "high": 4.0}
ANSWER = {"kind": "step-time", "rows": ({**ROW, "skipped": None},), "summary": {"all": {"n": 1}}, "command": None}


def test_what_is_kept_counts_while_its_origin_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Equal to the fresh answer in every figure; one byte of code, a constant or a run makes it old."""
    calls: list[int] = []

    def fresh() -> dict[str, Any]:
        calls.append(1)
        return ANSWER

    monkeypatch.setattr(kept, "_fresh", fresh)
    monkeypatch.setattr(kept, "folder", lambda name: tmp_path)
    monkeypatch.setattr(kept, "origin", lambda: "today")
    kept.write()
    assert json.loads((tmp_path / "opening.json").read_text())["origin"] == "today"
    found = kept.opening()
    assert len(calls) == 1
    assert found["rows"] == ANSWER["rows"]
    assert found["summary"] == ANSWER["summary"]
    monkeypatch.setattr(kept, "origin", lambda: "tomorrow")
    assert kept.opening() is ANSWER


def test_the_origin_is_of_the_constants(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A fact that changes, changes it."""
    monkeypatch.setattr(kept, "folder", lambda name: tmp_path)
    monkeypatch.setattr(kept, "_CODE", ())
    (tmp_path / "memory.yaml").write_text("a: 1")
    before = kept.origin()
    (tmp_path / "memory.yaml").write_text("a: 2")
    assert kept.origin() != before
