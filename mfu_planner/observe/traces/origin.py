"""What a trace says about itself: device, rank, world size, backend."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

_RANK_IN_NAME = re.compile(r"rank[-_.]?(\d{1,6})", re.IGNORECASE)


STATED = ("deviceProperties", "distributedInfo")
"""The metadata that is read."""


class Origin(NamedTuple):
    """Stated facts; None where the trace is silent."""

    devices: dict[str, str]
    rank: int | None
    world_size: int | None
    backend: str | None


def origin(metadata: dict[str, Any], file: str) -> Origin:
    """Read ``deviceProperties`` and ``distributedInfo``; the rank may also stand in the file's name."""
    properties = metadata.get("deviceProperties")
    names = {}
    for entry in properties if isinstance(properties, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("name"), str) and entry["name"].strip():
            names[str(entry.get("id"))] = entry["name"].strip()
    stated = metadata.get("distributedInfo")
    info = stated if isinstance(stated, dict) else {}
    rank = _count(info.get("rank"), 0)
    if rank is None and (found := _RANK_IN_NAME.search(file.replace("\\", "/").rsplit("/", 1)[-1])):
        rank = int(found[1])
    backend = info.get("backend")
    return Origin(names, rank, _count(info.get("world_size"), 1), backend if isinstance(backend, str) else None)


def device_name(stated: Origin, index: str) -> str | None:
    """The name of the device with this index; with one kind of device in the trace, that kind's whatever the index."""
    kinds = set(stated.devices.values())
    return stated.devices.get(index) or (kinds.pop() if len(kinds) == 1 else None)


def _count(value: object, least: int) -> int | None:
    if isinstance(value, str) and value.isdecimal() and len(value) < 10:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and least <= value < 10**9 else None
