"""The presets are well formed, sourced, and listed in a fresh index."""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
KEYS = {
    "id",
    "name",
    "family",
    "seq_len",
    "seq_len_source",
    "params_published",
    "params_source",
    "params_measured",
    "source",
    "config_seen_at",
    "config_grade",
    "checked",
    "proxy",
    "config",
}


@cache
def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("model_index", ROOT / "scripts" / "model_index.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def _presets() -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text("utf-8")) for path in _generator().preset_files()}


def test_index_is_fresh() -> None:
    """``index.json`` is what the generator writes from the presets on disk."""
    assert (ROOT / "model_specs" / "index.json").read_text("utf-8") == _generator().text()


@pytest.mark.each("name", sorted(_presets()))
def test_preset_is_complete(name: str) -> None:
    """Every preset has the agreed keys, a source that can be opened, and no key beyond them."""
    spec = _presets()[name]
    assert spec["id"] == name == name.lower()
    assert set(spec) - {"config_note"} == KEYS
    assert spec["source"].startswith("https://")
    assert spec["config_grade"] in {"verbatim", "fields", "unconfirmed"}
    assert spec["seq_len_source"]
    assert "model_type" in spec["config"] or "_class_name" in spec["config"]
    if spec["config_grade"] == "unconfirmed":
        assert spec["config_note"]


def test_published_totals_agree_with_the_measured_ones() -> None:
    """Where a total is published, the class built from the preset's config holds as many parameters."""
    twice_stored = {"falcon-7b"}  # the published file stores the tied head a second time
    for name, spec in _presets().items():
        if spec["params_published"] is not None and name not in twice_stored:
            assert spec["params_measured"] == spec["params_published"], name
