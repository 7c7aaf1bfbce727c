"""Files of the user's own measurements: read each time, known by their content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mfu_planner.errors import InputError

_LARGEST = 1 << 20
"""Bytes of such a file."""
ENDINGS = (".yaml", ".yml", ".json")


def is_file_name(given: Any) -> bool:
    """Whether a value names a file (or is the content of one) rather than something on file."""
    return not isinstance(given, str) or given.endswith(ENDINGS) or "/" in given or "\\" in given


def content(given: Any, field: str, accepted: str) -> tuple[str, str, str]:
    """(text, its SHA-256, where it stands) of a file, or of its content as a mapping.

    Raises
    ------
    InputError
        The file is missing, too large or no text.
    """
    from mfu_planner.facts import open_file

    if isinstance(given, Mapping):
        import yaml

        text, where = yaml.safe_dump(dict(given)), field
    else:
        if not isinstance(given, str | Path):
            raise InputError(field, given, accepted)
        with open_file(given, field, accepted, _LARGEST) as file:
            held = file.read()
        where = str(given)
        try:
            text = held.decode("utf-8")
        except UnicodeDecodeError:
            raise InputError(field, where, f"{accepted}, in UTF-8") from None
    return text, hashlib.sha256(text.encode()).hexdigest(), where
