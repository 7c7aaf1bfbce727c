"""What ``hardware_specs/prices`` may hold, and the index made from it. Needed only to read or check the files."""

from __future__ import annotations

import csv
import datetime as dt
import re
from pathlib import Path
from typing import Any

import pydantic

from mfu_planner.errors import InputError
from mfu_planner.facts import Spec, read
from mfu_planner.facts import check as checked
from mfu_planner.hardware.sellers import TERMS, spoken


class Provider(Spec):
    """Who sells device-hours."""

    name: str
    """As it is printed."""
    aliases: list[str] = pydantic.Field(default_factory=list)
    """Other names that people type."""
    region: str = ""
    """Where a price is taken when no region is asked for; empty: the provider has one price list."""
    instances: str = ""
    """A regular expression: how the provider's own machine names begin."""
    machines: dict[str, str] = pydantic.Field(default_factory=dict)
    """Its machines among the clusters, each with the instance type that is priced (empty: none of that name)."""


class PriceSource(Spec):
    """Where quotes were read."""

    title: str
    licence: str
    """What the place itself states."""
    kind: str = pydantic.Field(pattern="^(vendor|code|community|paper)$")


class Interruptions(Spec):
    """How often a provider takes a spot instance away, per instance and hour."""

    per_instance_hour: float = pydantic.Field(gt=0)
    low: float
    high: float
    year: int
    basis: str
    source: str = pydantic.Field(pattern="^https://")


class ProvidersSpec(Spec):
    """``providers.yaml``."""

    providers: dict[str, Provider]
    sources: dict[str, PriceSource]
    """A repository (``owner/name``), or the beginning of an address."""
    interruptions: dict[str, Interruptions]
    """Of spot instances, by provider."""
    typical_interruptions: str
    """Whose figure stands for the providers that publish none."""


class Line(Spec):
    """One line of ``quotes.csv``: one price of one machine on one day."""

    provider: str
    instance: str
    accelerator: str
    devices: int = pydantic.Field(ge=1)
    """Catalogue devices in the instance."""
    region: str
    """Empty where one price holds for all regions, or none is named."""
    term: str = pydantic.Field(pattern=f"^({'|'.join(TERMS)})$")
    usd_per_instance_hour: float = pydantic.Field(gt=0)
    date: str = pydantic.Field(pattern=r"^(unknown|\d{4}-\d\d-\d\d)$")
    source: str
    """``owner/repo@commit:path``, or an address."""
    note: str

    @pydantic.field_validator("date")
    @classmethod
    def _a_day(cls, value: str) -> str:
        if value != "unknown":
            dt.date.fromisoformat(value)
        return value


def price_index(specs: Path, accelerators: dict[str, Any]) -> dict[str, Any]:
    """Providers, sources, names, and the quotes by accelerator, oldest first.

    Raises
    ------
    InputError
        A line that names an accelerator, a provider or a source that is not on file.
    """
    said = read(ProvidersSpec, specs / "prices" / "providers.yaml")
    path = specs / "prices" / "quotes.csv"
    sources: dict[str, int] = {}
    quotes: dict[str, list[list[Any]]] = {}
    named: dict[str, list[str]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            where = f"{path}: line {number}"
            figures = {"devices": int(row["devices"]), "usd_per_instance_hour": float(row["usd_per_instance_hour"])}
            line = checked(Line, row | figures, where)
            if line.accelerator not in accelerators:
                raise InputError(where, line.accelerator, "an id of the catalogue")
            if line.provider not in said.providers:
                raise InputError(where, line.provider, "a provider of providers.yaml")
            if not any(line.source.startswith(known) for known in said.sources):
                raise InputError(where, line.source, "a source of providers.yaml")
            pattern = said.providers[line.provider].instances
            if pattern and re.match(pattern, line.instance):
                named[spoken(line.instance)] = [line.provider, line.instance]
            at = sources.setdefault(line.source, len(sources))
            kept = {**line.model_dump(exclude={"accelerator", "source", "note"}), "source": at, "note": line.note}
            quotes.setdefault(line.accelerator, []).append(list(kept.values()))
    return {
        "providers": {k: p.model_dump(exclude={"machines"}) for k, p in said.providers.items()},
        "machines": {m: [k, i] for k, p in said.providers.items() for m, i in p.machines.items()},
        "instances": dict(sorted(named.items())),
        "interruptions": {k: i.model_dump() for k, i in said.interruptions.items()},
        "typical_interruptions": said.typical_interruptions,
        "kinds": {k: s.model_dump() for k, s in said.sources.items()},
        "sources": list(sources),
        "quotes": {
            k: sorted(rows, key=lambda r: (r[6] != "unknown", r[6], r[:6])) for k, rows in sorted(quotes.items())
        },
    }
