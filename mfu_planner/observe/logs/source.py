"""Where a log comes from: files, folders, standard input, compressed or not, pasted text; read in stretches."""

from __future__ import annotations

import codecs
import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from mfu_planner.facts import open_file

STRETCH = 1 << 20
#: A line longer than this is cut: no record is that long.
LONGEST_LINE = 1 << 18
Progress = Callable[[int], None]


class NamedStream:
    """One named stream of bytes; ``head`` is its beginning, for telling what it is."""

    def __init__(self, name: str, raw: BinaryIO, path: Path | None = None) -> None:
        self.name, self.path = name, path
        self._raw = self._file = raw
        self.head = _read(raw, STRETCH)
        if self.head.startswith(b"\x1f\x8b"):
            joined = _Joined(self.head, raw)
            self._raw = cast("BinaryIO", gzip.GzipFile(fileobj=joined))
            self.head = _read(self._raw, STRETCH)
        self._encoding = "utf-16" if self.head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"

    @classmethod
    def of_path(cls, path: Path) -> NamedStream:
        """Open a file, or say in one line why not."""
        return cls(path.name, open_file(path, "FILE", "a readable log"), path)

    @classmethod
    def of_stdin(cls) -> NamedStream:
        """Standard input."""
        return cls("-", sys.stdin.buffer)

    @classmethod
    def of_text(cls, text: str) -> NamedStream:
        """Pasted text."""
        return cls("pasted text", io.BytesIO(text.encode("utf-8", "surrogatepass")))

    def stretches(self, progress: Progress | None = None) -> Iterator[tuple[str, bool]]:
        """Whole lines, about one mebibyte at a time, each with whether it is the last."""
        decoder = codecs.getincrementaldecoder(self._encoding)("replace")
        rest, data = "", self.head
        while True:
            if progress is not None:
                progress(len(data))
            following = _read(self._raw, STRETCH)
            text = rest + decoder.decode(data, final=not following)
            if not following:
                yield text, True
                return
            cut = max(text.rfind("\n"), text.rfind("\r"))
            if cut < 0 and len(text) > LONGEST_LINE:
                text, cut = text[:LONGEST_LINE], LONGEST_LINE - 1
                rest = ""
            else:
                rest = text[cut + 1 :]
            if cut >= 0:
                yield text[: cut + 1], False
            data = following

    def everything(self, limit: int) -> bytes | None:
        """All bytes, or ``None`` where there are more than ``limit``."""
        parts, size = [self.head], len(self.head)
        while part := _read(self._raw, STRETCH):
            parts.append(part)
            size += len(part)
            if size > limit:
                return None
        return b"".join(parts)

    def raw_stretches(self) -> Iterator[bytes]:
        """All bytes in stretches."""
        yield self.head
        while part := _read(self._raw, STRETCH):
            yield part

    def close(self) -> None:
        """Close the stream, standard input excepted."""
        if self.name != "-":
            self._raw.close()
            self._file.close()


class _Joined(io.RawIOBase):
    """The bytes already read, then the rest of the stream."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._head:
            part = self._head if size < 0 else self._head[:size]
            self._head = self._head[len(part) :]
            return part
        return self._rest.read(size)


def _read(raw: BinaryIO, size: int) -> bytes:
    try:
        return raw.read(size) or b""
    except (EOFError, OSError, ValueError, zlib.error):
        return b""  # a truncated archive ends where it ends
