"""Energy of a site: PUE, and the carbon of a country's electricity. Sourced data; the user's own figures always win."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import Any

from mfu_planner.errors import InputError, nearest
from mfu_planner.facts import folder


@dataclass(frozen=True, slots=True)
class SiteFigure:
    """One figure with its source."""

    value: float
    basis: str
    """In words: whose figure it is, and of which year."""
    source: str
    """Where it can be read."""


@functools.cache
def _data() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder("hardware_specs") / "energy.json").read_text("utf-8"))
    return found


def typical_pue() -> SiteFigure:
    """The PUE to plan with when none is given (dimensionless, at least 1)."""
    return pue(_data()["typical_pue"])


def pue(name: str) -> SiteFigure:
    """One of the PUE figures on file, by its name.

    Raises
    ------
    InputError
        There is no such figure.
    """
    known = _data()["pue"]
    if name not in known:
        raise InputError("pue", name, f"a number of at least 1, or one of {', '.join(known)}", nearest(name, known))
    row = known[name]
    return SiteFigure(row["value"], f"{row['basis']}, {row['year']}", row["source"]["url"])


def carbon_intensity(country: str) -> SiteFigure:
    """Grams of CO2 equivalent per kWh of a country's electricity (life cycle, generation mix of one year).

    Raises
    ------
    InputError
        The country is not on file.
    """
    data = _data()
    key = "-".join(country.lower().split())
    if key not in data["carbon_g_per_kwh"]:
        known = list(data["carbon_g_per_kwh"])
        raise InputError("country", country, f"one of {', '.join(known)}", nearest(key, known))
    year = data["carbon_year"]
    return SiteFigure(
        float(data["carbon_g_per_kwh"][key]), f"electricity of {key}, {year}", data["carbon_source"]["url"]
    )
