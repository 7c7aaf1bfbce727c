"""Dated prices of a device-hour, by provider, instance, region and term. The user's own price always wins.

One rule gives the price of a provider: the newest quote of its largest machine with that device, in the region that the
provider's price list is read for (:attr:`Provider region <mfu_planner.hardware._quotes.Provider>`), or the cheapest one
elsewhere.  One rule gives the price where no provider is named: of the providers' newest on-demand prices, the one in
the middle (the lower of two).  Community tiers, marketplaces and lists without a day never decide.
"""

from __future__ import annotations

import datetime as dt
import functools
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mfu_planner.errors import InputError
from mfu_planner.hardware.sellers import ASKED_TERMS, chosen_term, price_data, provider_id

STALE_DAYS = 183
"""A quote older than this is said to be old, and gives way to a provider's newer ones."""
_WINDOW_DAYS = 366


@dataclass(frozen=True, slots=True)
class Quote:
    """One published price of one machine on one day."""

    accelerator: str
    provider: str
    """Its id."""
    instance: str
    devices: int
    """Catalogue devices in the instance."""
    region: str
    """Empty where one price holds for all regions, or none is named."""
    term: str
    """on-demand, spot, reserved-1y, reserved-3y, capacity-block, community, assumption."""
    usd_per_instance_hour: float
    date: str
    """The day the list was read, or ``unknown``."""
    origin: str
    """``owner/repo@commit:path``, or an address."""
    note: str

    @property
    def usd_per_device_hour(self) -> float:
        """USD per hour of one catalogue device."""
        return self.usd_per_instance_hour / self.devices

    @property
    def seller(self) -> str:
        """The provider's name."""
        return str(price_data()["providers"][self.provider]["name"])

    @property
    def source(self) -> dict[str, str]:
        """Title, address and licence of where it was read."""
        kind = next(v for k, v in price_data()["kinds"].items() if self.origin.startswith(k))
        found = re.fullmatch(r"([\w.-]+/[\w.-]+)@(\w+):(.+)", self.origin)
        url = f"https://github.com/{found[1]}/blob/{found[2]}/{found[3]}" if found else self.origin
        return {"title": kind["title"], "url": url, "licence": kind["licence"], "kind": kind["kind"]}


@dataclass(frozen=True, slots=True)
class TypicalPrice:
    """One price to plan with, and where it comes from."""

    quote: Quote
    """The quote that it is."""
    basis: str
    """In words: whose price, by which rule, of which day."""
    offers: tuple[Quote, ...]
    """What was chosen from: one quote for each provider, cheapest first."""

    @property
    def usd_per_device_hour(self) -> float:
        """USD per device-hour."""
        return self.quote.usd_per_device_hour

    @property
    def source(self) -> str:
        """The address of the quote."""
        return self.quote.source["url"]

    @property
    def date(self) -> str | None:
        """The quote's day; None where the list has none."""
        return None if self.quote.date == "unknown" else self.quote.date


def quotes(accelerator_id: str, as_of: str | dt.date | None = None) -> tuple[Quote, ...]:
    """Every quote for a catalogue id up to a date, oldest first; undated ones only when no date is asked for."""
    last = _day(as_of)
    return tuple(
        q
        for q in _of(accelerator_id)
        if (as_of is None if q.date == "unknown" else dt.date.fromisoformat(q.date) <= last)
    )


@functools.lru_cache(maxsize=512)
def offers(
    accelerator_id: str,
    *,
    term: str = "on-demand",
    region: str | None = None,
    instance: str | None = None,
    as_of: str | dt.date | None = None,
) -> tuple[Quote, ...]:
    """The price of each provider in force on a date: one quote a provider, cheapest per device first."""
    known = [q for q in quotes(accelerator_id, as_of) if q.term == term and instance in (None, q.instance)]
    found = [_one([q for q in known if q.provider == p], region) for p in sorted({q.provider for q in known})]
    return tuple(sorted((q for q in found if q), key=lambda q: (q.usd_per_device_hour, q.provider)))


def _one(known: list[Quote], region: str | None) -> Quote | None:
    """One provider's price: newest of each machine and region, then the rule of this module's first lines."""
    dated = [q for q in known if q.date != "unknown"]
    newest = {(q.instance, q.region): q for q in dated or known}
    if region is not None:
        newest = {k: q for k, q in newest.items() if q.region in (region, "")}
    if not newest:
        return None
    last = max(q.date for q in newest.values())
    fresh = [q for q in newest.values() if not dated or _days(q.date, last) <= STALE_DAYS]
    home = price_data()["providers"][fresh[0].provider]["region"]
    here = [q for q in fresh if q.region in (region or home, "")] or fresh
    most = max(q.devices for q in here)
    large = [q for q in here if q.devices == most]
    last = max(q.date for q in large)
    return min(large, key=lambda q: (q.date != last, q.usd_per_device_hour, q.instance, q.region))


def typical_price(
    accelerator_id: str,
    as_of: str | dt.date | None = None,
    *,
    provider: str | None = None,
    term: str | None = None,
    region: str | None = None,
    instance: str | None = None,
) -> TypicalPrice | None:
    """One price to plan with; None where nothing of the kind is on file.

    Parameters
    ----------
    accelerator_id : a catalogue id.
    as_of : the day of the plan (default: today).
    provider : an id or a name; None: the middle of the providers' prices.
    term : one of :data:`ASKED_TERMS`; on-demand when left out.
    region : a provider's own region name.
    instance : an instance type whose own price is wanted.

    Raises
    ------
    InputError
        ``as_of`` is not a date; the provider or the term is unknown.
    """
    wanted = chosen_term(term)
    seller = None if provider is None else provider_id(provider)
    found = _on_terms(accelerator_id, as_of, wanted, region, seller, instance)
    if not found and instance is not None:
        found = _on_terms(accelerator_id, as_of, wanted, region, seller, None)
    if not found and wanted == "on-demand" and seller is None and region is None:
        found = _on_terms(accelerator_id, as_of, "assumption", None, None, None)
    if not found:
        return None
    chosen = found[(len(found) - 1) // 2]
    return TypicalPrice(chosen, _basis(chosen, found, seller, instance, as_of), found)


def _on_terms(
    accelerator_id: str,
    as_of: str | dt.date | None,
    term: str,
    region: str | None,
    seller: str | None,
    instance: str | None,
) -> tuple[Quote, ...]:
    """The offers to choose from: of one provider, or of all whose price is no more than a year behind the newest."""
    every = offers(accelerator_id, term=term, region=region, instance=instance, as_of=as_of)
    if seller is not None:
        return tuple(q for q in every if q.provider == seller)
    dated = [q for q in every if q.date != "unknown"]
    last = max((q.date for q in dated), default="")
    return tuple(q for q in dated if _days(q.date, last) <= _WINDOW_DAYS) or every


def _basis(chosen: Quote, found: tuple[Quote, ...], seller: str | None, instance: str | None, as_of: object) -> str:
    place = f", {chosen.region}" if chosen.region else ""
    if chosen.term == "assumption":
        return f"{chosen.note}, {_when(chosen, as_of)}"
    whose = f"{chosen.term} price of {chosen.seller} ({chosen.instance}{place}), {_when(chosen, as_of)}"
    if instance not in (None, chosen.instance):
        whose += f"; none is on file for {instance}"
    if seller is not None:
        return whose
    if len(found) == 1:
        return f"{whose}, the only provider on file"
    low, high = found[0], found[-1]
    return (
        f"the middle of {len(found)} providers' newest {chosen.term} prices "
        f"(${low.usd_per_device_hour:.2f} {low.seller} to ${high.usd_per_device_hour:.2f} {high.seller}), {whose}"
    )


def _when(quote: Quote, as_of: object) -> str:
    if quote.date == "unknown":
        return "day unknown"
    today = _today() if as_of is None else _day(as_of)
    old = (today - dt.date.fromisoformat(quote.date)).days > STALE_DAYS
    return f"{quote.date} (older than six months)" if old else quote.date


def on_file(accelerator_id: str, as_of: str | dt.date | None = None, provider: str | None = None) -> str:
    """Which terms there are prices of, and from how many providers, in words; empty without any."""
    by_term: dict[str, set[str]] = {}
    for q in quotes(accelerator_id, as_of):
        if provider in (None, q.provider) and q.term in ASKED_TERMS:
            by_term.setdefault(q.term, set()).add(q.seller)
    return ", ".join(f"{t} of {', '.join(sorted(by_term[t]))}" for t in ASKED_TERMS if t in by_term)


@functools.cache
def _of(accelerator_id: str) -> tuple[Quote, ...]:
    data = price_data()
    rows: Iterable[list[Any]] = data["quotes"].get(accelerator_id, ())
    return tuple(Quote(accelerator_id, *(*row[:7], data["sources"][row[7]], row[8])) for row in rows)


def _today() -> dt.date:
    """The day, or that of ``SOURCE_DATE_EPOCH``, by which pages that show an answer stay as they are."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = dt.datetime.fromtimestamp(int(fixed), dt.UTC) if fixed.isdecimal() else dt.datetime.now(dt.UTC)
    return moment.date()


def _days(earlier: str, later: str) -> int:
    return (dt.date.fromisoformat(later) - dt.date.fromisoformat(earlier)).days


def _day(value: object) -> dt.date:
    if value is None:
        return dt.date.max
    if isinstance(value, dt.date):
        return value
    text = str(value)
    try:
        return dt.date.fromisoformat(text if len(text) > len("2026-01") else f"{text}-01")
    except ValueError:
        raise InputError("as-of", value, "a date such as 2026-01-31 or 2026-01") from None
