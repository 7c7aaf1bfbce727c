"""What the energy and achievable-rate files may hold. Needed only to read or check them."""

from __future__ import annotations

from typing import Any

import pydantic

from mfu_planner.facts import Source, Spec
from mfu_planner.facts.quantities import Rate
from mfu_planner.hardware._spec import Dtype, Id
from mfu_planner.units import parse


class Pue(Spec):
    """Facility energy ÷ IT energy."""

    value: float = pydantic.Field(ge=1, le=3)
    year: int
    source: str
    basis: str
    """Whose figure it is."""


class Server(Spec):
    """A server's greatest power, and that of its devices."""

    name: str
    max_w: float
    devices: int
    device_w: float
    accelerators: list[Id]
    """Whose host it is taken for."""
    source: str


class NetworkPower(Spec):
    """Switches and transceivers between servers."""

    share_of_total: float = pydantic.Field(ge=0, lt=1)
    year: int
    source: str
    basis: str


class EnergySpec(Spec):
    """``energy.yaml``."""

    sources: dict[str, Source]
    typical_pue: str
    """The key of ``pue`` to use when nothing is given."""
    pue: dict[str, Pue]
    servers: dict[str, Server]
    typical_server: str
    """The key of ``servers`` whose ratio of host to devices stands for every other device."""
    network: NetworkPower
    carbon_year: int
    carbon_source: str
    carbon_g_per_kwh: dict[str, int]
    """Grams of CO2 equivalent per kWh, by country."""


class Achieved(Spec):
    """One measured top."""

    accelerators: list[Id]
    dtype: Dtype
    rate: Rate
    """Best measured matrix-product rate per device."""
    shape: str
    """m x n x k of the product."""
    software: str
    date: str | Any
    source: str
    note: str | None = None

    @pydantic.field_validator("date", mode="before")
    @classmethod
    def _text(cls, value: object) -> str:
        return str(value)


class AchievableSpec(Spec):
    """``calibration/achievable_rates.yaml``."""

    sources: dict[str, Source]
    rates: list[Achieved]

    def records(self) -> list[dict[str, Any]]:
        """One record per accelerator and rate, FLOP/s."""
        return [
            {
                "accelerator": identifier,
                "dtype": r.dtype,
                "flops_per_s": parse(r.rate, "flop_per_s", field="rate"),
                "shape": r.shape,
                "software": r.software,
                "date": r.date,
                "note": r.note,
                "source": self.sources[r.source].record(),
            }
            for r in self.rates
            for identifier in r.accelerators
        ]
