"""Values that can hardly be meant: an answer is given, and doubted."""

from __future__ import annotations

from collections.abc import Mapping

from mfu_planner.errors import InputError
from mfu_planner.units import DAY, format_value

SHORTEST_S, SHORT_S = 1e-6, 60.0
"""No run is shorter; a shorter one is doubted [s]."""
LONG_S = 36_500 * DAY
"""A longer run is doubted: a hundred years [s]."""
MANY_DEVICES = 10_000_000
"""More than any job has had by a factor of fifty."""


def doubts(values: Mapping[str, float]) -> list[str]:
    """One line for each value that is a thousandfold off what runs have.

    Raises
    ------
    InputError
        A run under a microsecond, which is no run.
    """
    seconds, tokens, devices = (values.get(n) for n in ("training_time_s", "tokens", "devices"))
    said = []
    if seconds is not None and seconds < SHORT_S:
        shown = f"{tokens or 0:,.0f} tokens in {format_value(seconds, 'time')}"
        if seconds < SHORTEST_S:
            raise InputError("tokens", shown, "a run of at least a microsecond: more tokens, fewer devices")
        said.append(f"doubtful: {shown}; tokens are counted one by one (40B is 40 billion)")
    if seconds is not None and seconds > LONG_S:
        said.append(f"doubtful: a run of {format_value(seconds, 'time')}")
    if devices is not None and devices > MANY_DEVICES:
        said.append(f"doubtful: {devices:,.0f} devices in one job")
    return said
