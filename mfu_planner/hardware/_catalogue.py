"""Everything that is generated from ``hardware_specs``: the index and the JSON schemas for editors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydantic

from mfu_planner.facts._model import Spec, read
from mfu_planner.hardware._build import accelerator_records
from mfu_planner.hardware._index import INDEX_NAME
from mfu_planner.hardware._spec import AcceleratorSpec
from mfu_planner.hardware._words import words


class Ambiguous(Spec):
    """A name that several devices share."""

    name: str
    """As it is printed or written."""
    candidates: list[str]
    """Catalogue ids."""
    reason: str
    """Why it cannot be decided."""


class WordsSpec(Spec):
    """``names.yaml``: words that mean nothing by themselves, and names that several devices share."""

    common: list[str]
    """Words that any device's string may hold."""
    vendors: dict[str, str]
    """A vendor in lower case → the word that stands for it in names."""
    partial: list[str]
    """Words that say the device is only a share of one (MIG, vGPU)."""
    ambiguous: list[Ambiguous] = pydantic.Field(default_factory=list)


def build_index(specs: Path) -> dict[str, Any]:
    """The whole index."""
    said = read(WordsSpec, specs / "names.yaml")
    return {
        "accelerators": accelerator_records(specs),
        "instances": {},
        "common_words": sorted(said.common),
        "vendor_words": dict(sorted(said.vendors.items())),
        "partial_words": sorted(said.partial),
        "ambiguous": {
            " ".join(words(a.name)): {"candidates": a.candidates, "reason": a.reason} for a in said.ambiguous
        },
    }


def schema(model: type[Spec]) -> str:
    """A JSON schema for editors."""
    return json.dumps(model.model_json_schema(), indent=1, ensure_ascii=False) + "\n"


def generated(specs: Path) -> dict[str, Callable[[], str]]:
    """File name → renderer, for everything generated from the spec folder."""
    return {
        INDEX_NAME: lambda: json.dumps(build_index(specs), indent=1, ensure_ascii=False) + "\n",
        "schema/accelerator.json": lambda: schema(AcceleratorSpec),
        "schema/names.json": lambda: schema(WordsSpec),
    }
