"""Dated prices of a device-hour: quotes, a range, and one typical price. The user's own price always wins."""

from __future__ import annotations

import datetime as dt
import functools
import json
from collections.abc import Iterable
from dataclasses import dataclass

from mfu_planner.errors import InputError
from mfu_planner.facts import folder

_WINDOW_DAYS = 366


@dataclass(frozen=True, slots=True)
class Quote:
    """One published price of one device-hour, or a range of them."""

    accelerator: str
    provider: str
    terms: str
    """on-demand, reserved, spot, capacity-block, list, community, assumption."""
    low: float
    """USD per device-hour."""
    high: float
    """USD per device-hour; equals ``low`` for a single price."""
    date: str
    devices: int | None
    region: str | None
    note: str | None
    source: dict[str, str]

    @property
    def middle(self) -> float:
        """The middle of the range, USD per device-hour."""
        return (self.low + self.high) / 2


@dataclass(frozen=True, slots=True)
class PriceRange:
    """What a device-hour costs, by terms."""

    accelerator_id: str
    low: float
    """Lowest quote, USD per device-hour."""
    high: float
    """Highest quote, USD per device-hour."""
    typical: float
    """Median of the on-demand quotes (of all, when there is none)."""
    quotes: tuple[Quote, ...]

    @property
    def dates(self) -> str:
        """First and last date of the quotes."""
        days = sorted(q.date for q in self.quotes)
        return days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"


@dataclass(frozen=True, slots=True)
class TypicalPrice:
    """One price to plan with, and where it comes from."""

    usd_per_device_hour: float
    basis: str
    """In words: how many quotes, of which terms and dates, and their range."""
    source: str
    """The address of the quote nearest to it."""
    range: PriceRange


def quotes(accelerator_id: str, as_of: str | dt.date | None = None) -> tuple[Quote, ...]:
    """Every quote for a catalogue id up to a date, oldest first."""
    last = _day(as_of)
    return tuple(q for q in _all() if q.accelerator == accelerator_id and _first_day(q.date) <= last)


def price_range(accelerator_id: str, as_of: str | dt.date | None = None) -> PriceRange | None:
    """The quotes in force on a date: those of the year before it, or the latest there are; None without any."""
    known = quotes(accelerator_id, as_of)
    if not known:
        return None
    newest = max(_first_day(q.date) for q in known)
    until = min(_day(as_of), newest)
    current = tuple(q for q in known if (until - _first_day(q.date)).days <= _WINDOW_DAYS)
    typical = _median([q.middle for q in (_on_demand(current) or current)])
    return PriceRange(
        accelerator_id, min(q.low for q in current), max(q.high for q in current), round(typical, 4), current
    )


def typical_price(accelerator_id: str, as_of: str | dt.date | None = None) -> TypicalPrice | None:
    """One price to plan with: the median of the on-demand quotes in force; None where nothing is known.

    Raises
    ------
    InputError
        ``as_of`` is not a date.
    """
    found = price_range(accelerator_id, as_of)
    if found is None:
        return None
    used = _on_demand(found.quotes) or found.quotes
    nearest = min(used, key=lambda q: abs(q.middle - found.typical))
    terms = used[0].terms if len({q.terms for q in used}) == 1 else "mixed"
    dates = sorted(q.date for q in used)
    span = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    basis = (
        f"{terms} quote of {nearest.provider}, {nearest.date}"
        if len(used) == 1
        else f"median of {len(used)} {terms} quotes, {span}, ${found.low:.2f} to ${found.high:.2f} on all terms"
    )
    return TypicalPrice(found.typical, basis, str(nearest.source["url"]), found)


def _median(values: list[float]) -> float:
    """The middle value; `statistics` would cost ten milliseconds at start."""
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def _on_demand(found: Iterable[Quote]) -> tuple[Quote, ...]:
    return tuple(q for q in found if q.terms == "on-demand")


@functools.cache
def _all() -> tuple[Quote, ...]:
    rows = json.loads((folder("hardware_specs") / "prices.json").read_text("utf-8"))
    return tuple(sorted((Quote(**row) for row in rows), key=lambda q: (q.date, q.provider)))


def _first_day(text: str) -> dt.date:
    return dt.date.fromisoformat(text if len(text) > len("2026-01") else f"{text}-01")


def _day(value: str | dt.date | None) -> dt.date:
    if value is None:
        return dt.date.max
    if isinstance(value, dt.date):
        return value
    try:
        return _first_day(value)
    except ValueError:
        raise InputError("as-of", value, "a date such as 2026-01-31 or 2026-01") from None
