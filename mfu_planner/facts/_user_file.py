"""Files of the user: opened only where they are regular files, of a bounded size where they are read whole."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import BinaryIO

from mfu_planner.errors import InputError


def open_file(path: str | Path, field: str, accepted: str, limit: int | None = None) -> BinaryIO:
    """A file opened for reading its bytes.

    Pipes, devices and sockets are refused: they may never end, or never begin.

    Parameters
    ----------
    field, accepted
        The field that names the file, and what it should be, for the error.
    limit
        The largest size in bytes; None for any.

    Raises
    ------
    InputError
        It is missing, unreadable, no regular file, or too large.
    """
    try:
        state = Path(path).stat()
        if not stat.S_ISREG(state.st_mode):
            raise InputError(field, str(path), f"{accepted} (not {_kind(state.st_mode)})")
        if limit is not None and state.st_size > limit:
            raise InputError(field, f"{path} of {state.st_size:,} bytes", f"{accepted} of at most {limit:,} bytes")
        return _readable(Path(path))
    except (OSError, ValueError) as error:
        raise InputError(field, str(path), f"{accepted} ({getattr(error, 'strerror', None) or error})") from None


def _readable(path: Path) -> BinaryIO:
    """The file opened, and seen to be read: some can be opened alone."""
    file = path.open("rb")
    try:
        file.peek(1)
    except OSError:
        file.close()
        raise
    return file


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a pipe" if stat.S_ISFIFO(mode) else "a device or socket"
