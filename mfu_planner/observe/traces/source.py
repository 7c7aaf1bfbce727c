"""Bytes of a trace file as decoded text, a bounded piece at a time.

The format is recognised by content (a gzip magic number), not by the file's name.
"""

from __future__ import annotations

import codecs
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from mfu_planner.errors import InputError
from mfu_planner.facts import open_file

Progress = Callable[[int, int], None]
"""Called with (bytes read, bytes in all); the total is 0 when it is not known, as for standard input."""

_GZIP = b"\x1f\x8b"
_READ = 1 << 20
_INFLATED = 4 << 20


class TraceText:
    """Iterate over the text of one trace file.

    Parameters
    ----------
    path
        A file, or ``-`` for standard input.
    progress
        Called after each piece that was read.

    Attributes
    ----------
    truncated : bool
        A compressed stream ended early or is damaged.
    damaged_text : bool
        Bytes that are not UTF-8 were replaced.

    Raises
    ------
    InputError
        The file is missing, is a folder, cannot be read or is empty.
    """

    def __init__(self, path: str, progress: Progress | None = None) -> None:
        self.path, self.truncated, self.damaged_text = path, False, False
        self._progress = progress
        self._total = 0
        self._read = 0

    def __iter__(self) -> Iterator[str]:
        """The text, a few megabytes at a time."""
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        for piece in self._bytes():
            text = decoder.decode(piece)
            self.damaged_text = self.damaged_text or "\ufffd" in text
            if text:
                yield text
        tail = decoder.decode(b"", final=True)
        if tail:
            self.truncated = True
            yield tail

    def _bytes(self) -> Iterator[bytes]:
        if self.path == "-":
            yield from self._expand(sys.stdin.buffer)
            return
        try:
            with open_file(self.path, "file", "a readable trace file") as stream:
                self._total = Path(self.path).stat().st_size
                yield from self._expand(stream)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise InputError("file", self.path, f"a readable trace file ({reason})") from None

    def _pieces(self, stream: BinaryIO) -> Iterator[bytes]:
        while piece := stream.read(_READ):
            self._read += len(piece)
            if self._progress is not None:
                self._progress(self._read, self._total)
            yield piece

    def _expand(self, stream: BinaryIO) -> Iterator[bytes]:
        pieces = self._pieces(stream)
        first = next(pieces, b"")
        if not first:
            raise InputError("file", self.path, "a trace with content (the file is empty)")
        if first.startswith(_GZIP):
            yield from self._inflate(first, pieces)
            return
        yield first.removeprefix(codecs.BOM_UTF8)
        yield from pieces

    def _inflate(self, first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Gzip members one after another, each output piece bounded so that a small bomb cannot fill the memory."""
        inflater, data = zlib.decompressobj(wbits=31), first
        while True:
            try:
                out = inflater.decompress(data, _INFLATED)
            except zlib.error:
                self.truncated = True
                return
            if out:
                yield out
            if inflater.eof:
                data = inflater.unused_data or next(pieces, b"")
                if not data.startswith(_GZIP):
                    return  # padding after the last member
                inflater = zlib.decompressobj(wbits=31)
            elif inflater.unconsumed_tail:
                data = inflater.unconsumed_tail
            else:
                data = next(pieces, b"")
                if not data:
                    self.truncated = True
                    return
