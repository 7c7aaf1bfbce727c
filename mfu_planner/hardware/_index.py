"""The generated index: what the program reads instead of the YAML files."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mfu_planner.facts import intact, shipped_json
from mfu_planner.hardware._accelerator import Accelerator, Peak, ScaleUp
from mfu_planner.hardware._own import folders
from mfu_planner.hardware._own import stamp as _stamp

INDEX_NAME = "index.json"
NAMES_NAME = "names_index.json"


def index() -> dict[str, Any]:
    """The whole index, with the entries of the user's own folder (``MFU_PLANNER_SPECS``) on top."""
    own = folders()
    return _with_own(own, _stamp(own)) if own else _shipped()


def names() -> dict[str, Any]:
    """What resolving a name needs and nothing else: a quarter of the index, read instead of it."""
    own = folders()
    return _own_names(own, _stamp(own)) if own else _shipped_names()


def machines() -> dict[str, dict[str, Any]]:
    """The records of every cluster, read without the accelerators."""
    found: dict[str, dict[str, Any]] = index()["clusters"] if folders() else _shipped_machines()
    return found


def accelerator(identifier: str) -> Accelerator:
    """The entry with this catalogue id.

    Raises
    ------
    KeyError
        There is no such id.
    """
    own = folders()
    return _built(own, _stamp(own) if own else None, identifier)


def light(catalogue: dict[str, Any]) -> dict[str, Any]:
    """The names part of an index: generated for the shipped one, made on the spot for the user's own."""
    rest = ("instances", "slices", "run_keys", "common_words", "vendor_words", "partial_words", "shares", "ambiguous")
    return {
        "devices": {
            i: {k: r[k] for k in ("name", "vendor", "devices_per_package", "names")}
            for i, r in catalogue["accelerators"].items()
        },
        "machines": {
            spoken: {
                "accelerator": c["accelerator_id"],
                "devices": c["devices_in_name"],
                "node": c["devices_per_node"],
                "name": c["name"],
            }
            for c in catalogue["clusters"].values()
            for spoken in c["spoken"]
        },
        **{k: catalogue[k] for k in rest},
        "left_out": catalogue.get("left_out", {}),
    }


@functools.cache
def _shipped() -> dict[str, Any]:
    found: dict[str, Any] = shipped_json("hardware_specs", INDEX_NAME)
    return found


@functools.cache
def _shipped_names() -> dict[str, Any]:
    found: dict[str, Any] = shipped_json("hardware_specs", NAMES_NAME)
    return found


_MACHINES = '\n"clusters": '
"""What stands before them in the index."""


def _one_shipped(identifier: str) -> dict[str, Any]:
    """One record without reading the others: the index has one on each line."""
    key, start = f'\n"{identifier}": ', -1
    with intact("hardware_specs", INDEX_NAME) as text:
        start = text.find(key, 0, text.index(_MACHINES))
        if start >= 0:
            record: dict[str, Any] = json.JSONDecoder().raw_decode(text, start + len(key))[0]
            return record
    raise KeyError(identifier)


@functools.cache
def _shipped_machines() -> dict[str, dict[str, Any]]:
    with intact("hardware_specs", INDEX_NAME) as text:
        found: dict[str, dict[str, Any]] = json.JSONDecoder().raw_decode(text, text.index(_MACHINES) + len(_MACHINES))[
            0
        ]
    return found


@functools.lru_cache(maxsize=8)
def _with_own(own: str, stamp: tuple[tuple[str, int], ...]) -> dict[str, Any]:  # noqa: ARG001  the stamp is the cache key
    from mfu_planner.hardware._build import overlay  # YAML and pydantic, only for the user's own files

    return overlay(_shipped(), [Path(part) for part in own.split(os.pathsep) if part])


@functools.lru_cache(maxsize=8)
def _told(own: str, stamp: tuple[tuple[str, int], ...]) -> None:
    import logging

    for said in _with_own(own, stamp)["left_out"].values():
        logging.getLogger(__name__).warning("left out: %s", said)


def tell_left_out() -> None:
    """Name the broken files of the user's folders, once."""
    if own := folders():
        _told(own, _stamp(own))


@functools.lru_cache(maxsize=8)
def _own_names(own: str, stamp: tuple[tuple[str, int], ...]) -> dict[str, Any]:
    return light(_with_own(own, stamp))


@functools.lru_cache(maxsize=256)
def _built(own: str, stamp: tuple[tuple[str, int], ...] | None, identifier: str) -> Accelerator:
    if stamp is None:
        return from_record(_one_shipped(identifier))
    return from_record(_with_own(own, stamp)["accelerators"][identifier])


def from_record(record: dict[str, Any]) -> Accelerator:
    """An :class:`Accelerator` from its index record."""
    peaks = {k: Peak(**{**p, "alternatives": tuple(p.get("alternatives", ()))}) for k, p in record["peak"].items()}
    link = record["scale_up"]
    plain = {k: v for k, v in record.items() if k not in ("peak", "scale_up", "names")}
    for key in ("counted_as", "clocks_hz", "sources", "fact_sources", "fact_notes"):
        plain[key] = MappingProxyType(plain[key])
    return Accelerator(
        **{**plain, "notes": tuple(plain["notes"])},
        peak=MappingProxyType(peaks),
        scale_up=ScaleUp(**link) if link else None,
        driver_names=tuple(record["names"]["driver"]),
    )
