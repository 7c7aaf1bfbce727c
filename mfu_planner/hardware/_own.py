"""The user's own specs: folders beside the shipped one, for a while or by ``MFU_PLANNER_SPECS``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

from mfu_planner.errors import InputError

SPECS_VARIABLE = "MFU_PLANNER_SPECS"
_FOLDERS: ContextVar[str | None] = ContextVar("own_specs", default=None)


@contextlib.contextmanager
def own_specs(*folders: str | Path) -> Iterator[None]:
    """Use the accelerators and machines of these folders, beside the shipped ones, within the ``with`` block.

    An entry with an id of the catalogue stands in its place. A broken file is named and left out.

    Raises
    ------
    InputError
        A folder that is not there.
    """
    for folder in folders:
        if not Path(folder).is_dir():
            raise InputError("specs", str(folder), "a folder with accelerators/ and clusters/ in it")
    token = _FOLDERS.set(os.pathsep.join(str(f) for f in folders))
    try:
        yield
    finally:
        _FOLDERS.reset(token)


def folders() -> str:
    """The folders in use, as a search path; empty where there are none."""
    given = _FOLDERS.get()
    return os.environ.get(SPECS_VARIABLE, "") if given is None else given


def stamp(own: str) -> tuple[tuple[str, int], ...]:
    """Names and times of the user's files, so that an edit is seen."""
    paths = sorted(p for part in own.split(os.pathsep) if part for p in Path(part).glob("**/*.yaml"))
    return tuple((str(p), p.stat().st_mtime_ns) for p in paths)


def in_use() -> tuple[str, tuple[tuple[str, int], ...]] | None:
    """What tells one state of the user's specs from another; None without any."""
    own = folders()
    return (own, stamp(own)) if own else None
