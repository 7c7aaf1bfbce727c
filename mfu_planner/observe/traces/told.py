"""A trace told from a log by its first bytes."""

from __future__ import annotations

import gzip
from pathlib import Path

_READ = 1 << 16
_GZIP = b"\x1f\x8b"


def is_trace(file: str | Path) -> bool:
    """Whether a file is an XLA profile, or a Chrome trace: a brace or bracket, and soon a word of events."""
    path = Path(file)
    if str(file) == "-" or not path.is_file():
        return False
    if path.name.endswith(".xplane.pb"):
        return True
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
