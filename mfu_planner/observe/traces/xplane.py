"""XLA profiles as protocol buffers (``.xplane.pb``) as the events that the same profile's Chrome trace has.

Read by the wire format alone: field numbers of ``XSpace``, ``XPlane``, ``XLine``, ``XEvent`` and their metadata [1]_.

References
----------
.. [1] OpenXLA, *xplane.proto*, https://github.com/openxla/xla/blob/main/third_party/tsl/tsl/profiler/protobuf/xplane.proto
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from typing import Any

from mfu_planner.facts import open_file

_PICO = 1e-6
"""Microseconds in a picosecond."""
_NANO = 1e-3
_STATS = ("hlo_category", "correlation_id", "step_num", "device_type_string")
"""What of an event's statistics the analysis reads."""

Fields = Iterator[tuple[int, Any]]


class XplaneScanner:
    """The events of one profile, with what a scanner of traces says of its file.

    Attributes
    ----------
    metadata : dict
        ``deviceProperties``, where the profile names its devices.
    """

    def __init__(self, path: str) -> None:
        self.metadata: dict[str, Any] = {}
        self.unread: Counter[str] = Counter()
        self.skipped, self.truncated = 0, False
        self._path = path

    def events(self) -> Iterator[dict[str, Any]]:
        """Names of planes and lines, then their events, times in microseconds."""
        with open_file(self._path, "file", "a readable profile") as file:
            data = memoryview(file.read())
        try:
            for number, (field, plane) in enumerate(_fields(data)):
                if field == 1:
                    yield from self._plane(number, plane)
        except (IndexError, ValueError, struct.error):
            self.truncated = True

    def _plane(self, pid: int, plane: memoryview) -> Iterator[dict[str, Any]]:
        parts = list(_fields(plane))
        name = next((_text(v) for f, v in parts if f == 2), "")
        stats = {key: _text(dict(_fields(value)).get(2, b"")) for key, value in _mapped(parts, 5)}
        events = {key: _metadata(value, stats) for key, value in _mapped(parts, 4)}
        own = _values((v for f, v in parts if f == 6), stats)
        if kind := own.get("device_type_string"):
            self.metadata.setdefault("deviceProperties", []).append({"id": pid, "name": str(kind)})
        yield {"ph": "M", "pid": pid, "name": "process_name", "args": {"name": name}}
        for tid, (_, line) in enumerate((f, v) for f, v in parts if f == 3):
            yield from _line(pid, tid, line, events, stats)


def _line(
    pid: int, tid: int, line: memoryview, events: dict[int, tuple[str, dict[str, Any]]], stats: dict[int, str]
) -> Iterator[dict[str, Any]]:
    parts = list(_fields(line))
    named = {f: _text(v) for f, v in parts if f in (2, 11)}
    begin = next((v for f, v in parts if f == 3), 0) * _NANO
    yield {
        "ph": "M", "pid": pid, "tid": tid, "name": "thread_name", "args": {"name": named.get(11) or named.get(2, "")},
    }  # fmt: skip
    for field, event in parts:
        if field == 4:
            own = list(_fields(event))
            plain = {f: v for f, v in own if f in (1, 2, 3)}
            name, args = events.get(plain.get(1, 0), ("", {}))
            yield {
                "ph": "X", "pid": pid, "tid": tid, "name": name, "ts": begin + plain.get(2, 0) * _PICO,
                "dur": plain.get(3, 0) * _PICO, "args": args | _values((v for f, v in own if f == 4), stats),
            }  # fmt: skip


def _metadata(value: memoryview, stats: dict[int, str]) -> tuple[str, dict[str, Any]]:
    """The name that is shown, and the statistics that all events of it share."""
    parts = list(_fields(value))
    named = {f: _text(v) for f, v in parts if f in (2, 4)}
    return named.get(4) or named.get(2, ""), _values((v for f, v in parts if f == 5), stats)


def _values(listed: Iterator[Any], stats: dict[int, str]) -> dict[str, Any]:
    """Statistics by name, those that are read; a reference points at another name."""
    out: dict[str, Any] = {}
    for stat in listed:
        own = dict(_fields(stat))
        name = stats.get(own.get(1, 0), "")
        if name in _STATS:
            text = own.get(5)
            numbers = [own[f] for f in (3, 4) if f in own]
            out[name] = _text(text) if text is not None else stats.get(own[7], "") if 7 in own else (*numbers, "")[0]
    return out


def _mapped(parts: list[tuple[int, Any]], number: int) -> Iterator[tuple[int, memoryview]]:
    """Entries of a map: key, and the message that is its value."""
    for field, entry in parts:
        if field == number:
            own = dict(_fields(entry))
            yield int(own.get(1, 0)), own.get(2, memoryview(b""))


def _text(value: Any) -> str:
    return bytes(value).decode("utf-8", "replace") if not isinstance(value, int) else str(value)


def _fields(data: memoryview) -> Fields:
    """(field number, value) of one message: integers, 8-byte and 4-byte words as integers, bytes as they stand."""
    at, end = 0, len(data)
    value: Any
    while at < end:
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(data, at)
        elif kind == 2:
            size, at = _varint(data, at)
            if at + size > end:
                raise ValueError(size)
            value, at = data[at : at + size], at + size
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            value, at = int.from_bytes(data[at : at + size], "little"), at + size
        else:
            raise ValueError(kind)
        yield tag >> 3, value


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError(shift)
