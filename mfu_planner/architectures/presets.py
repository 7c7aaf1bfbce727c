"""Named models: the published config of each, with its source."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from mfu_planner.architectures.model_names import meant, plain, spellings
from mfu_planner.errors import InputError, nearest
from mfu_planner.facts import shipped_json


@dataclass(frozen=True, slots=True)
class Preset:
    """A published model: its config, the length it was trained at, and where both stand."""

    id: str
    name: str
    family: str
    config: dict[str, Any]
    seq_len: int | None
    seq_len_source: str
    params_published: int | None
    source: str
    notes: tuple[str, ...]


@cache
def catalogue() -> tuple[dict[str, Any], ...]:
    """Every preset in a line each: id, name, family, model_type, params, seq_len, source."""
    rows: list[dict[str, Any]] = shipped_json("model_specs", "index.json")
    return tuple(rows)


@cache
def _names() -> dict[str, str]:
    return spellings(catalogue())


def preset(name: str) -> Preset:
    """The preset with this id or name.

    Raises
    ------
    InputError
        No such preset; the message holds the nearest ones.
    """
    known = _names()
    match = meant(name, known)
    if match is None:
        ids = {row["id"]: row["id"] for row in catalogue()}
        close = tuple(dict.fromkeys([*nearest(plain(name), ids), *(known[n] for n in nearest(plain(name), known))]))
        accepted = "a preset (`mfu-planner models` lists them), or --config PATH, or --params 70B"
        raise InputError("model", name, accepted, close)
    found, remark = match
    data = shipped_json("model_specs", f"{found}.json")
    notes = [*([remark] if remark else []), *(data[k] for k in ("proxy", "config_note") if data.get(k))]
    return Preset(
        id=data["id"],
        name=data["name"],
        family=data["family"],
        config=data["config"],
        seq_len=data["seq_len"],
        seq_len_source=data["seq_len_source"] or "",
        params_published=data["params_published"],
        source=data["source"],
        notes=tuple(notes),
    )
