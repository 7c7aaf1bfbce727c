"""Which files a caller from outside may name: those below one folder, or none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mfu_planner.errors import InputError

NAMES_FILES = frozenset({"config", "operators", "specs", "machine", "log", "trace", "files", "file", "packed", "stack"})
"""Fields whose text is the path of a file, or may be one."""
_OR_ELSE = ("packed", "stack")
"""Those whose text without an ending is no file: lengths, a name on file."""
_MOST_ENTRIES = 10_000


def checked(given: Mapping[str, Any], folder: Path | None) -> dict[str, Any]:
    """The arguments with every path resolved and below ``folder``; relative where the folder is the current one.

    A field that names files takes nothing else as text; elsewhere a text that is a file's path here counts as one.

    Raises
    ------
    InputError
        A path that leads out of the folder, by ``..``, by a link, or absolutely; any path where there is no folder.
    """
    return {name: _value(name, value, folder) for name, value in given.items() if value is not None}


def _value(name: str, value: Any, folder: Path | None) -> Any:
    if isinstance(value, list | tuple):
        return [_value(name, part, folder) for part in value]
    if not isinstance(value, str):
        return value
    if name in _OR_ELSE and not Path(value).suffix:
        return value
    if name in NAMES_FILES or _is_here(value):
        path = below(name, value, folder)
        here = Path.cwd()
        return str(path.relative_to(here) if path.is_relative_to(here) else path)
    return value


def _is_here(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):
        return False


def below(name: str, text: str, folder: Path | None) -> Path:
    """The path of a file below the folder, links followed."""
    if folder is None:
        raise InputError(name, text, "no file: the server was started without --folder")
    root = folder.resolve()
    try:
        path = (root / text).resolve()
    except (OSError, ValueError, RuntimeError):
        raise InputError(name, text, "the path of a file below the server's folder") from None
    if not path.is_relative_to(root):
        raise InputError(name, text, "the path of a file below the server's folder")
    if path.is_dir():
        for count, entry in enumerate(path.rglob("*")):
            if count > _MOST_ENTRIES or (entry.is_symlink() and not entry.resolve().is_relative_to(root)):
                raise InputError(name, text, f"a folder of at most {_MOST_ENTRIES:,} entries without links out of it")
    return path
