"""Who sells device-hours: providers by any of their names, and machine names that mean one of them."""

from __future__ import annotations

import functools
import re
from typing import Any

from mfu_planner.errors import InputError, nearest
from mfu_planner.facts import shipped_json
from mfu_planner.hardware._cloud import SLICE
from mfu_planner.hardware._words import words

ASKED_TERMS = ("on-demand", "spot", "reserved-1y", "reserved-3y")
"""What ``--term`` takes."""
TERMS = (*ASKED_TERMS, "capacity-block", "community", "assumption")
"""What a price on file can be for."""


@functools.cache
def price_data() -> dict[str, Any]:
    """Providers, machines, sources and quotes, as the index holds them."""
    found: dict[str, Any] = shipped_json("hardware_specs", "prices.json")
    return found


def provider_id(name: str) -> str:
    """The id of a provider by its id, name or alias.

    Raises
    ------
    InputError
        Nobody of that name is on file.
    """
    spellings = _spellings()
    key = _plain(name)
    if key not in spellings:
        known = [i for i in price_data()["providers"] if i != "assumed"]
        close = [spellings[s] for s in nearest(key, spellings)]
        raise InputError("provider", name, f"one of {', '.join(known)}", list(dict.fromkeys(close)))
    return spellings[key]


def provider_name(identifier: str) -> str:
    """How a provider is printed."""
    return str(price_data()["providers"][identifier]["name"])


def interruptions(identifier: str) -> tuple[str, dict[str, Any]]:
    """How often spot instances are taken away: whose figure it is, and the figure (its own, else the typical one)."""
    data = price_data()
    whose = identifier if identifier in data["interruptions"] else data["typical_interruptions"]
    return whose, data["interruptions"][whose]


def chosen_term(term: str | None) -> str:
    """The term asked for; on-demand when left out.

    Raises
    ------
    InputError
        No such term.
    """
    wanted = "on-demand" if term is None else "-".join(str(term).lower().split())
    if wanted not in ASKED_TERMS:
        raise InputError("term", term, ", ".join(ASKED_TERMS), nearest(wanted, ASKED_TERMS))
    return wanted


def seller_of(name: str | None) -> tuple[str, str | None] | None:
    """(provider, instance type) that a machine's name means: an instance type, a TPU slice, a cluster; else None."""
    if not name:
        return None
    data = price_data()
    text = str(name).strip()
    if (machine := data["machines"].get(text.lower())) is not None:
        return machine[0], machine[1] or None
    bare = re.sub(r"^\d+\s*[x×]\s*|\s*[x×]\s*\d+$", "", text)
    if (priced := data["instances"].get(spoken(bare))) is not None:
        return priced[0], priced[1]
    plain = re.sub(r"^ml\.", "", bare, flags=re.IGNORECASE)
    for identifier, entry in data["providers"].items():
        if entry["instances"] and re.match(entry["instances"], plain, re.IGNORECASE):
            return identifier, None if SLICE.match(plain) else plain
    return None


def spoken(name: str) -> str:
    """One spelling of an instance type: ``Standard_ND96isr_H100_v5`` and ``nd96isr h100 v5`` are the same."""
    return " ".join(words(re.sub(r"^(?:ml\.|standard_)", "", name.strip(), flags=re.IGNORECASE)))


@functools.cache
def _spellings() -> dict[str, str]:
    return {
        _plain(s): k
        for k, p in price_data()["providers"].items()
        if k != "assumed"
        for s in (k, p["name"], *p["aliases"])
    }


def _plain(name: str) -> str:
    return "".join(c for c in str(name).lower() if c.isalnum())
