"""A trace told from a log by its first bytes."""

from __future__ import annotations

import gzip
from pathlib import Path

_READ = 1 << 16
_GZIP = b"\x1f\x8b"


def is_trace(file: str | Path) -> bool:
    """Whether a file is a Chrome trace: it opens with a brace or bracket and soon speaks of events."""
    path = Path(file)
    if str(file) == "-" or not path.is_file():
        return False
    with path.open("rb") as opened:
        start = opened.read(_READ)
    if start.startswith(_GZIP):
        with gzip.open(path, "rb") as unpacked:
            try:
                start = unpacked.read(_READ)
            except (OSError, EOFError):
                return False
    speaks = any(word in start for word in (b'"traceEvents"', b'"schemaVersion"', b'"ph"'))
    return speaks and start.lstrip()[:1] in (b"{", b"[")
