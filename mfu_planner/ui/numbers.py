"""Numbers in the language of the page."""

from __future__ import annotations

from mfu_planner.report import human
from mfu_planner.ui.text import N_, _

_WORDS = {"days": N_("days"), "hours": N_("hours"), "minutes": N_("minutes")}


def show(value: float | None, dimension: str, digits: int = 4) -> str:
    """A value with its unit, or a dash where it is unknown."""
    text = human.show(value, dimension, digits)
    number, _space, word = text.rpartition(" ")
    return f"{number} {_(_WORDS[word])}" if word in _WORDS else text
