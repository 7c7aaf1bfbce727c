"""What the price, energy and achievable-rate files may hold. Needed only to read or check them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import pydantic

from mfu_planner.facts import Source, Spec, quantity
from mfu_planner.hardware._spec import Dtype, Id, Rate
from mfu_planner.units import parse

if TYPE_CHECKING:
    from typing import TypeAlias

    Price: TypeAlias = str
else:
    Price = quantity("usd_per_device_hour")

TERMS = ("on-demand", "reserved", "spot", "capacity-block", "list", "community", "assumption")
Day = Annotated[str, pydantic.Field(pattern=r"^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$")]


class Quote(Spec):
    """One published price, or a range, on one date."""

    accelerators: list[Id]
    """Catalogue ids that the quote covers (several when the page does not say which board)."""
    provider: str
    """Who offers it."""
    terms: str = pydantic.Field(pattern=f"^({'|'.join(TERMS)})$")
    """on-demand, reserved, spot, …"""
    price: Price | None = None
    """One price."""
    low: Price | None = None
    """Lower end of a range."""
    high: Price | None = None
    """Upper end of a range."""
    per: str = pydantic.Field(default="device", pattern="^(device|package)$")
    """What the price buys: a device, or a package (a TPU or Trainium chip)."""
    date: str | Any
    """The day or month it was valid."""
    devices: int | None = None
    """How many devices the quote is for."""
    region: str | None = None
    """Where, when the source says so."""
    source: str
    """A key of ``sources``."""
    note: str | None = None

    @pydantic.field_validator("date", mode="before")
    @classmethod
    def _text(cls, value: object) -> str:
        text = str(value)
        pydantic.TypeAdapter(Day).validate_python(text)
        return text

    @pydantic.model_validator(mode="after")
    def _one_or_range(self) -> Quote:
        given = (self.price is not None, self.low is not None, self.high is not None)
        if given not in ((True, False, False), (False, True, True)):
            raise ValueError("give price, or low and high")
        return self


class PricesSpec(Spec):
    """One price file."""

    sources: dict[str, Source]
    quotes: list[Quote]

    def records(self, packages: dict[str, int]) -> list[dict[str, Any]]:
        """One record per accelerator and quote, USD per device-hour."""
        out = []
        for q in self.quotes:
            for identifier in q.accelerators:
                if identifier not in packages:
                    raise ValueError(f"quotes: {identifier!r} is not in the catalogue")
                share = packages[identifier] if q.per == "package" else 1
                low, high = q.low or q.price, q.high or q.price
                assert low is not None
                assert high is not None
                out.append(
                    {
                        "accelerator": identifier,
                        "provider": q.provider,
                        "terms": q.terms,
                        "low": parse(low, "usd_per_device_hour", field="low") / share,
                        "high": parse(high, "usd_per_device_hour", field="high") / share,
                        "date": q.date,
                        "devices": q.devices,
                        "region": q.region,
                        "note": q.note,
                        "source": self.sources[q.source].record(),
                    }
                )
        return out


class Pue(Spec):
    """Facility energy ÷ IT energy."""

    value: float = pydantic.Field(ge=1, le=3)
    year: int
    source: str
    basis: str
    """Whose figure it is."""


class EnergySpec(Spec):
    """``energy.yaml``."""

    sources: dict[str, Source]
    typical_pue: str
    """The key of ``pue`` to use when nothing is given."""
    pue: dict[str, Pue]
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
