"""The text of a log that grows: its beginning, where a program says what it is, and its recent part."""

from __future__ import annotations

import os
from pathlib import Path

from mfu_planner.errors import InputError

HEAD_BYTES = 1 << 20
"""Beginning that is kept: headers stand there."""
RECENT_BYTES = 4 << 20
"""Recent part that is kept; what lies between is forgotten."""
NEWEST_BYTES = 1 << 16
"""Part that tells how the job runs now."""
HEADER_BYTES = 1 << 12
"""Beginning that is read beside it: so much holds the header and few steps."""


class Kept:
    """Bytes of a log as they arrive, at most :data:`HEAD_BYTES` + :data:`RECENT_BYTES` of them."""

    def __init__(self) -> None:
        self._head, self._recent = bytearray(), bytearray()
        self.size = 0

    def add(self, data: bytes) -> None:
        """Take in what was written since."""
        self.size += len(data)
        room = HEAD_BYTES - len(self._head)
        self._head += data[: max(room, 0)]
        self._recent += data[max(room, 0) :]
        if len(self._recent) > RECENT_BYTES:
            cut = self._recent.find(b"\n", len(self._recent) - RECENT_BYTES)
            del self._recent[: cut + 1 if cut >= 0 else len(self._recent) - RECENT_BYTES]

    def text(self) -> str:
        """Everything that is kept, in whole lines."""
        return _lines(bytes(self._head) + bytes(self._recent))

    def newest(self) -> str:
        """The header and the newest part."""
        held = bytes(self._head) + bytes(self._recent)
        if len(held) <= HEADER_BYTES + NEWEST_BYTES:
            return _lines(held)
        cut = held.find(b"\n", len(held) - NEWEST_BYTES)
        return _lines(held[:HEADER_BYTES]) + _lines(held[cut + 1 :])


class Followed:
    """A log file that another program writes: rotation and truncation are noticed and begin it anew."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kept = Kept()
        self.restarts = 0
        self._read = 0
        self._identity: tuple[int, int] | None = None

    def refresh(self) -> bool:
        """Read what was added; whether anything was.

        Raises
        ------
        InputError
            The file cannot be read.
        """
        before = self.kept.size
        try:
            if not self.path.is_file():
                raise InputError("FILE", str(self.path), "a regular file")
            with self.path.open("rb") as file:
                state = os.fstat(file.fileno())
                identity = (state.st_dev, state.st_ino)
                if self._identity not in (None, identity) or state.st_size < self._read:
                    self.kept, self._read, before = Kept(), 0, 0
                    self.restarts += 1
                self._identity = identity
                file.seek(self._read)
                while data := file.read(HEAD_BYTES):
                    self.kept.add(data)
                self._read = file.tell()
        except OSError as error:
            raise InputError("FILE", str(self.path), f"a readable log ({error.strerror or error})") from None
        return self.kept.size > before


def _lines(data: bytes) -> str:
    return data[: data.rfind(b"\n") + 1].decode("utf-8", "replace")
