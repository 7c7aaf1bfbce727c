"""The planner's expected failures.

::

    PlannerError
    ├── InputError   what the user gave cannot be used          -> exit status 2, one line
    └── NoAnswer     the question is clear and has no solution  -> exit status 1, one line

Anything else that is raised is a defect and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

_LONG = 1000
"""Characters of an error's line; a list of every name is longer than anybody reads."""


class PlannerError(Exception):
    """An expected failure: its text is one line for the user."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))

    def as_json(self) -> dict[str, Any]:
        """field, given, accepted, nearest; null where there is none."""
        return {"field": None, "given": None, "accepted": None, "nearest": []}


class InputError(PlannerError):
    """What was given cannot be used: names the field, the value, what is accepted and the nearest names."""

    def __init__(self, field: str, given: object, accepted: str, nearest: Sequence[str] = ()) -> None:
        self.field, self.given, self.accepted, self.nearest = field, given, accepted, tuple(nearest)
        hint = f"; nearest: {', '.join(self.nearest)}" if self.nearest else ""
        super().__init__(f"{field}: got {shorten(given)}; accepted: {shorten(accepted, _LONG, quoted=False)}{hint}")

    def as_json(self) -> dict[str, Any]:
        """What was wrong, for a program to read; a long value is cut."""
        plain = self.given if isinstance(self.given, bool | int | float | None) else shorten(self.given, quoted=False)
        return {"field": self.field, "given": plain, "accepted": self.accepted, "nearest": list(self.nearest)}

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, str, tuple[str, ...]]]:
        """What another process needs to raise the same error."""
        return InputError, (self.field, worded(self.given), self.accepted, self.nearest)


class NoAnswer(PlannerError):
    """The question is well put and nothing satisfies it: says what to change."""


def shorten(value: object, limit: int = 80, *, quoted: bool = True) -> str:
    """Quote a value for an error line; of a long one, the beginning and the end."""
    text = repr(value) if quoted and isinstance(value, str) else worded(value)
    return text if len(text) <= limit else f"{text[: limit // 2]}…{text[-limit // 2 + 1 :]}"


def worded(value: object) -> str:
    """A value as text; its type where it has none: a number of thousands of digits, what is nested in itself."""
    try:
        return str(value)
    except (ValueError, RecursionError):
        return f"a {type(value).__name__} too long to be shown"


def nearest(name: str, known: Iterable[str], count: int = 4) -> tuple[str, ...]:
    """The known names most like ``name``, best first; empty when none is at all alike."""
    by_lower = {k.lower(): k for k in known}
    found = difflib.get_close_matches(name.lower(), list(by_lower), n=count, cutoff=0.5)
    return tuple(by_lower[f] for f in found)
