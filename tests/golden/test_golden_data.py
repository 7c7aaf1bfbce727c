"""The golden files are whole: groups add up, both modes are there, parameters make sense, presets exist."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mfu_planner.architectures import from_config

HERE = Path(__file__).resolve().parent
SPECS = HERE.parents[1] / "model_specs"
WHERE = ("batch", "seq", "target_seq", "image", "images")


def _entries() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name in ("published.json", "variations.json"):
        found += json.loads((HERE / name).read_text("utf-8"))["entries"]
    return found


ENTRIES = {entry["name"]: entry for entry in _entries()}


@pytest.mark.each("name", sorted(ENTRIES))
def test_groups_add_up_and_the_modes_pair(name: str) -> None:
    """Groups sum to the total; forward_backward follows forward on the same shape and costs two to four times it."""
    cases = ENTRIES[name]["cases"]
    for forward, both in zip(cases[::2], cases[1::2], strict=True):
        assert (forward["mode"], both["mode"]) == ("forward", "forward_backward")
        assert [forward.get(key) for key in WHERE] == [both.get(key) for key in WHERE]
        for case in (forward, both):
            assert sum(case["by_group"].values()) == case["flops_total"]
        assert forward["by_group"].keys() == both["by_group"].keys()
        assert 2 * forward["flops_total"] < both["flops_total"] < 4 * forward["flops_total"]


@pytest.mark.each("name", sorted(ENTRIES))
def test_parameters_are_consistent(name: str) -> None:
    """Parts are no larger than the whole, and a preset's total is the one its file states."""
    entry = ENTRIES[name]
    params = entry["params"]
    assert params["embedding"] + params["position_embedding"] + params["lm_head"] <= params["total"]
    assert params["active"] <= params["total"]
    if "preset" in entry:
        spec = json.loads((SPECS / f"{entry['preset']}.json").read_text("utf-8"))
        assert params["total"] == spec["params_measured"]
    else:
        assert entry["config"]
        assert entry["notes"]


def test_every_preset_is_measured() -> None:
    """No golden data without a preset; no preset without golden data, or the parameters of its class and small configs
    of its type that were measured."""
    presets = {path.stem for path in SPECS.glob("*.json")} - {"index", "config_defaults"}
    measured = {entry["preset"] for entry in ENTRIES.values() if "preset" in entry}
    rows = json.loads((HERE / "types.json").read_text("utf-8"))["rows"]
    small = {row["config"].get("model_type", row["config"].get("_class_name")) for row in rows}

    assert measured <= presets
    for name in presets - measured:
        spec = json.loads((SPECS / f"{name}.json").read_text("utf-8"))
        assert spec["config"].get("model_type", spec["config"].get("_class_name")) in small
        assert from_config(spec["config"]).params == spec["params_measured"]
