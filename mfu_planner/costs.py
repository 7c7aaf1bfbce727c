"""Price and power of a device: the user's own, or dated and sourced data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mfu_planner.scenario import Scenario
from mfu_planner.subject import Subject

if TYPE_CHECKING:
    from mfu_planner.hardware.prices import Quote


@dataclass(frozen=True, slots=True)
class Price:
    """What a device-hour costs, and who says so."""

    usd_per_device_hour: float | None
    """None where nothing is on file."""
    said: str
    """One line for people; empty where the user gave the price."""
    quote: Quote | None = None
    """The quote that it is; None where the user gave the price, or none is on file."""

    def record(self) -> dict[str, str | None]:
        """Provider, term, day and source as the answers show them."""
        q = self.quote
        return {
            "provider": q.seller if q else None,
            "term": q.term if q else None,
            "price_date": None if q is None or q.date == "unknown" else q.date,
            "price_source": q.source["url"] if q else ("given" if self.usd_per_device_hour is not None else None),
        }


@dataclass(frozen=True, slots=True)
class Rates:
    """What a device costs and draws."""

    price: Price
    power_w: float | None = None
    """Watt at the meter: TDP × PUE."""
    pue: float | None = None
    warnings: tuple[str, ...] = ()
    sources: dict[str, str] = field(default_factory=dict)


def price_for(
    accelerator_id: str | None,
    *,
    given: float | None = None,
    provider: str | None = None,
    term: str | None = None,
    region: str | None = None,
    as_of: str | None = None,
    machine: str | None = None,
) -> Price:
    """The price of a device-hour: the user's own, the named provider's, the named machine's, or the middle of all.

    Parameters
    ----------
    accelerator_id : of the catalogue.
    given : USD per device-hour, which wins over everything on file.
    provider, term, region, as_of : as :func:`mfu_planner.hardware.prices.typical_price` takes them.
    machine : an instance type or a cluster, whose provider's own price is meant where no provider is named.

    Raises
    ------
    InputError
        An unknown provider, term or date.
    """
    if given is not None:
        return Price(given, "")
    when = f" as of {as_of}" if as_of else ""
    own = "--price '2.5 $/h' gives one"
    if accelerator_id is None:
        return Price(None, f"no price is known for this hardware: cost is null; {own}")
    from mfu_planner.hardware import prices, sellers

    wanted = sellers.chosen_term(term)
    seller, instance = sellers.seller_of(machine) or (None, None)
    if provider is not None:
        asked = sellers.provider_id(provider)
        seller, instance = asked, instance if seller == asked else None
    found = prices.typical_price(accelerator_id, as_of, provider=seller, term=wanted, region=region, instance=instance)
    if found is not None:
        return Price(
            found.usd_per_device_hour,
            f"price ${found.usd_per_device_hour:.2f} per device-hour: {found.basis}; --price gives your own",
            found.quote,
        )
    whose = f" of {sellers.provider_name(seller)}" if seller else ""
    place = f" in {region}" if region else ""
    known = prices.on_file(accelerator_id, as_of, seller) or prices.on_file(accelerator_id, as_of)
    return Price(
        None,
        f"no {wanted} price{whose} for {accelerator_id}{place} is on file{when}: cost is null; {own}"
        + (f"; on file are {known}" if known else ""),
    )


def rates(s: Scenario, subject: Subject) -> Rates:
    """The price and power to plan with; null with a warning where none is known."""
    warnings: list[str] = []
    sources: dict[str, str] = {}
    price = price_of(s, subject)
    if price.said:
        warnings.append(price.said)
    if price.usd_per_device_hour is not None:
        sources["price_usd_per_device_hour"] = price.record()["price_source"] or ""
    power, pue = _power(s, subject, warnings, sources)
    return Rates(price, power, pue, tuple(warnings), sources)


def price_of(s: Scenario, subject: Subject) -> Price:
    """The price that a question means."""
    return price_for(
        None if subject.accelerator is None else subject.accelerator.id,
        given=s.price,
        provider=s.provider,
        term=s.term,
        region=s.region,
        as_of=s.as_of,
        machine=s.hardware,
    )


def _power(
    s: Scenario, subject: Subject, warnings: list[str], sources: dict[str, str]
) -> tuple[float | None, float | None]:
    accelerator = subject.accelerator
    if accelerator is None or accelerator.tdp_w is None:
        warnings.append("no power rating is known for this hardware: energy is null")
        return None, None
    pue = s.pue
    if pue is None:
        from mfu_planner.hardware.energy import typical_pue

        found = typical_pue()
        pue = found.value
        sources["pue"] = found.source
        warnings.append(f"energy: TDP of {accelerator.tdp_w:g} W × PUE {pue:g} ({found.basis}); --pue gives your own")
    else:
        sources["pue"] = "given"
    sources["power_w"] = str(accelerator.source_of("power")["url"])
    return accelerator.tdp_w * pue, pue
