"""What strangers upload: bounded in size before and after unpacking, never a path of the server."""

from __future__ import annotations

import io
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mfu_planner.errors import InputError

LARGEST_CONFIG = 1 << 20
LARGEST_LOG = 256 << 20
"""Bytes after unpacking."""
LARGEST_TRACE = 512 << 20
_PIECE = 1 << 20
_GZIP = b"\x1f\x8b"
_ARCHIVES = {
    b"PK\x03\x04": "a zip archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"\xfd7zX": "an xz file",
    b"BZh": "a bzip2 file",
    b"\x28\xb5\x2f\xfd": "a zstandard file",
}


def small_text(file: BinaryIO, most: int, field: str) -> str:
    """The text of a small upload.

    Raises
    ------
    InputError
        It is larger than ``most`` bytes, or no text.
    """
    file.seek(0)
    data = file.read(most + 1)
    if len(data) > most:
        raise InputError(field, f"a file of more than {most >> 10} KiB", f"at most {most >> 10} KiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(field, "a binary file", "text in UTF-8") from None


def pieces(file: BinaryIO, most: int, field: str) -> Iterator[bytes]:
    """An upload's bytes, unpacked where it is gzipped, at most ``most`` of them.

    Raises
    ------
    InputError
        It unpacks to more, or is another kind of archive.
    """
    file.seek(0)
    head = file.read(8)
    file.seek(0)
    for magic, kind in _ARCHIVES.items():
        if head.startswith(magic):
            raise InputError(field, kind, "plain text or gzip: unpack it first")
    unpack = zlib.decompressobj(wbits=31) if head.startswith(_GZIP) else None
    total = 0
    while packed := file.read(_PIECE):
        waiting = packed
        while waiting:
            try:
                piece = unpack.decompress(waiting, _PIECE) if unpack else waiting
            except zlib.error:
                raise InputError(field, "a damaged gzip file", "plain text or gzip") from None
            waiting = unpack.unconsumed_tail if unpack else b""
            total += len(piece)
            if total > most:
                raise InputError(
                    field,
                    f"more than {most >> 20} MiB once unpacked" if unpack else f"more than {most >> 20} MiB",
                    f"at most {most >> 20} MiB here; the command line has no limit",
                )
            yield piece
            if unpack and unpack.eof:
                return


def bounded(file: BinaryIO, most: int, field: str) -> io.BytesIO:
    """An upload in memory, unpacked."""
    whole = io.BytesIO()
    for piece in pieces(file, most, field):
        whole.write(piece)
    whole.seek(0)
    return whole


@contextmanager
def as_file(file: BinaryIO, most: int, field: str, name: str = "trace.json") -> Iterator[Path]:
    """An upload as a file of its own that is gone afterwards, unpacked; its name is ours, not the stranger's."""
    with tempfile.TemporaryDirectory(prefix="mfu-planner-") as folder:
        path = Path(folder) / name
        with path.open("wb") as target:
            for piece in pieces(file, most, field):
                target.write(piece)
        yield path
