"""The generated index: what the program reads instead of the YAML files."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mfu_planner.facts import folder
from mfu_planner.hardware._accelerator import Accelerator, Peak, ScaleUp

INDEX_NAME = "index.json"
SPECS_VARIABLE = "MFU_PLANNER_SPECS"


@functools.cache
def _shipped() -> dict[str, Any]:
    index: dict[str, Any] = json.loads((folder("hardware_specs") / INDEX_NAME).read_text("utf-8"))
    return index


def index() -> dict[str, Any]:
    """The catalogue's index, with the entries of the user's own folder (``MFU_PLANNER_SPECS``) on top."""
    own = os.environ.get(SPECS_VARIABLE, "")
    return _with_own(own, _stamp(own)) if own else _shipped()


def _stamp(own: str) -> tuple[tuple[str, int], ...]:
    """Names and times of the user's files, so that an edit is seen."""
    paths = sorted(p for part in own.split(os.pathsep) if part for p in Path(part).glob("**/*.yaml"))
    return tuple((str(p), p.stat().st_mtime_ns) for p in paths)


@functools.lru_cache(maxsize=8)
def _with_own(own: str, stamp: tuple[tuple[str, int], ...]) -> dict[str, Any]:  # noqa: ARG001  the stamp is the cache key
    from mfu_planner.hardware._build import overlay

    return overlay(_shipped(), [Path(part) for part in own.split(os.pathsep) if part])


@functools.lru_cache(maxsize=256)
def _built(own: str, stamp: object, identifier: str) -> Accelerator:  # noqa: ARG001
    return from_record(index()["accelerators"][identifier])


def accelerator(identifier: str) -> Accelerator:
    """The entry with this catalogue id.

    Raises
    ------
    KeyError
        There is no such id.
    """
    own = os.environ.get(SPECS_VARIABLE, "")
    return _built(own, _stamp(own) if own else None, identifier)


def from_record(record: dict[str, Any]) -> Accelerator:
    """An :class:`Accelerator` from its index record."""
    peaks = {k: Peak(**{**p, "alternatives": tuple(p.get("alternatives", ()))}) for k, p in record["peak"].items()}
    link = record["scale_up"]
    plain = {k: v for k, v in record.items() if k not in ("peak", "scale_up", "names")}
    for key in ("clocks_hz", "sources", "fact_sources", "fact_notes"):
        plain[key] = MappingProxyType(plain[key])
    return Accelerator(
        **{**plain, "notes": tuple(plain["notes"])},
        peak=MappingProxyType(peaks),
        scale_up=ScaleUp(**link) if link else None,
        driver_names=tuple(record["names"]["driver"]),
    )
