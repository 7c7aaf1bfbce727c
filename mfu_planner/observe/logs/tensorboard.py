"""TensorBoard event files: records of length, checksum, protocol buffer, checksum; read with the standard library."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.rows import RowReader
from mfu_planner.observe.logs.source import NamedStream

_LARGEST_RECORD = 64 << 20
_FIRST_EVENT = b"brain.Event:"
Wire = tuple[int, int | bytes]  # field number, value


def is_event_file(head: bytes) -> bool:
    """Whether bytes begin like an event file."""
    return (
        head[12:64].find(_FIRST_EVENT) >= 0 and len(head) >= 16 and struct.unpack_from("<Q", head)[0] < _LARGEST_RECORD
    )


def read_events(source: NamedStream, log: Reading) -> str:
    """Take an event file: one record per step, from its wall clock and the scalars whose tag is a speed."""
    log.clock_tick_s = 1e-3
    rows = RowReader(log)
    step: int | None = None
    wall = 0.0
    scalars: dict[str, float] = {}
    for data in _records(source):
        event = _event(data)
        if event is None or not event[2]:
            continue
        if step is not None and event[1] != step:
            _keep(rows, step, wall, scalars)
            scalars = {}
        wall, step = event[0], event[1]
        scalars.update(event[2])
    if step is not None:
        _keep(rows, step, wall, scalars)
    return "tensorboard" if rows.dialect is None else rows.dialect.name


def _keep(rows: RowReader, step: int, wall: float, scalars: dict[str, float]) -> None:
    record = rows.record(scalars)
    record.step, record.time = float(step), wall
    rows.log.add(record)
    rows.log.store.thin()


def _records(source: NamedStream) -> Iterator[bytes]:
    """Bodies of whole records; a truncated last one is left out."""
    rest = b""
    for part in source.raw_stretches():
        rest += part
        start = 0
        while len(rest) - start >= 12:
            (size,) = struct.unpack_from("<Q", rest, start)
            if size > _LARGEST_RECORD:
                return
            if len(rest) - start < size + 16:
                break
            yield rest[start + 12 : start + 12 + size]
            start += size + 16
        rest = rest[start:]


def _event(data: bytes) -> tuple[float, int, dict[str, float]] | None:
    """Wall time, step and scalars of an Event message."""
    wall, step, scalars = 0.0, 0, {}
    for number, value in _fields(data):
        if number == 1 and isinstance(value, bytes) and len(value) == 8:
            (wall,) = struct.unpack("<d", value)
        elif number == 2 and isinstance(value, int):
            step = value
        elif number == 5 and isinstance(value, bytes):
            for inner, item in _fields(value):
                if inner == 1 and isinstance(item, bytes) and (scalar := _scalar(item)) is not None:
                    scalars[scalar[0]] = scalar[1]
    return (wall, step, scalars) if wall else None


def _scalar(data: bytes) -> tuple[str, float] | None:
    name, value = "", None
    for number, item in _fields(data):
        if number == 1 and isinstance(item, bytes):
            name = item.decode("utf-8", "replace")
        elif number == 2 and isinstance(item, bytes) and len(item) == 4:
            (value,) = struct.unpack("<f", item)
        elif number == 8 and isinstance(item, bytes):
            value = _tensor(item)
    return None if value is None else (name, value)


def _tensor(data: bytes) -> float | None:
    """A scalar tensor's float: its values (field 5) or its raw content (field 4)."""
    for number, item in _fields(data):
        if number in (4, 5) and isinstance(item, bytes) and len(item) == 4:
            return float(struct.unpack("<f", item)[0])
    return None


def _fields(data: bytes) -> Iterator[Wire]:
    """The fields of a protocol buffer message; stops where it is malformed."""
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        size = {1: 8, 5: 4}.get(kind, -1)
        if kind == 2:
            size, at = _varint(data, at)
        if size < 0 or at + size > end:
            return
        yield key >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    return value, len(data)
