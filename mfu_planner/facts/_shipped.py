"""The indexes that ship with the planner: read whole, or named as damaged."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from mfu_planner.errors import PlannerError
from mfu_planner.facts._folders import folder


@contextlib.contextmanager
def intact(place: str, name: str) -> Iterator[str]:
    """The text of a shipped file; what goes wrong in reading it is said as damage to the installation.

    Raises
    ------
    PlannerError
        The file is missing, or holds something else than it shipped with.
    """
    try:
        yield (folder(place) / name).read_text("utf-8")
    except (OSError, ValueError, LookupError, TypeError) as error:
        why = "is missing" if isinstance(error, FileNotFoundError) else "is damaged"
        raise PlannerError(f"{place}/{name} of the installation {why}: install mfu-planner again") from error


def shipped_json(place: str, name: str) -> Any:
    """What a shipped JSON file holds.

    Raises
    ------
    PlannerError
        The file is missing or damaged.
    """
    with intact(place, name) as text:
        return json.loads(text)
