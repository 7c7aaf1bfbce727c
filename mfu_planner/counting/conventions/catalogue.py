"""The field's conventions, each as its own source defines it: read from ``catalogue.json``.

An entry gives what differs from a plain :class:`Convention`, or from the entry that it is ``like``; switches are named
as in :data:`SWITCHES`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from mfu_planner.counting.conventions.definition import SWITCHES, Citation, Convention


def _value(field: str, value: Any) -> Any:
    if field in SWITCHES:
        return SWITCHES[field][value.upper()]
    if field == "source":
        return Citation(**value)
    if field == "remarks":
        return tuple(value)
    return Fraction(value) if field == "attention_passes" else value


def _read() -> tuple[tuple[Convention, ...], ...]:
    found: dict[str, Convention] = {}
    held = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
    for entry in (*held["main"], *held["others"]):
        given = {field: _value(field, value) for field, value in entry.items() if field != "like"}
        like = entry.get("like")
        found[entry["name"]] = replace(found[like], **given) if like else Convention(**given)
    return tuple(tuple(found[entry["name"]] for entry in held[group]) for group in ("main", "others"))


MAIN, OTHERS = _read()
"""The conventions that every result lists; other versions, and sources that published runs were measured with."""
