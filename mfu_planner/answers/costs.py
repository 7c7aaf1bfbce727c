"""Price and power of a device: the user's own, or dated and sourced data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mfu_planner.questions.runs import MeasureQuestion, PlanQuestion
from mfu_planner.questions.subject import Subject
from mfu_planner.units import DAY, HOUR

if TYPE_CHECKING:
    from mfu_planner.hardware.energy import SiteWatts
    from mfu_planner.hardware.prices import Quote
    from mfu_planner.run.goodput import Job


@dataclass(frozen=True, slots=True)
class Price:
    """What a device-hour costs, and who says so."""

    usd_per_device_hour: float | None
    """None where nothing is on file."""
    said: str
    """One line for people; empty where the user gave the price."""
    quote: Quote | None = None
    """The quote that it is; None where the user gave the price, or none is on file."""

    @property
    def term(self) -> str | None:
        """The quote's term."""
        return self.quote.term if self.quote else None

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
    watts: SiteWatts | None = None
    """At the meter, by part."""
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
        spot = (
            "the given price is used; spot interruptions are not counted, --goodput says them" if term == "spot" else ""
        )
        return Price(given, spot)
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


def rates(s: PlanQuestion, subject: Subject) -> Rates:
    """The price and power to plan with; null with a warning where none is known."""
    warnings: list[str] = []
    sources: dict[str, str] = {}
    price = price_of(s, subject)
    if price.said:
        warnings.append(price.said)
    if price.usd_per_device_hour is not None:
        sources["price_usd_per_device_hour"] = price.record()["price_source"] or ""
    watts, pue = _watts(s, subject, warnings, sources)
    return Rates(price, watts, pue, tuple(warnings), sources)


def price_of(s: PlanQuestion | MeasureQuestion, subject: Subject) -> Price:
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


def spot_job(price: Price, params: float, devices: float) -> tuple[Job, str] | None:
    """Interruptions and goodput of a synchronous job on spot instances, and the basis in words; None on other terms.

    Every instance is taken away by itself at the provider's published rate, and each time the whole job restarts from
    its last checkpoint.
    """
    quote = price.quote
    if quote is None or quote.term != "spot":
        return None
    from mfu_planner.hardware.sellers import interruptions, provider_name
    from mfu_planner.machine.calibrated import calibration
    from mfu_planner.run.goodput import job_estimate

    whose, rate = interruptions(quote.provider)
    instances = devices / quote.devices
    job = job_estimate(params, devices, calibration()["failures"], instances * rate["per_instance_hour"] / HOUR)
    of = "" if whose == quote.provider else f" (of {provider_name(whose)}; {quote.seller} publishes none)"
    often = f"{rate['per_instance_hour']:.3g} times an hour"
    said = (
        f"goodput {job['goodput']:.1%} on spot: {instances:,.3g} instances, each taken away "
        f"{often}{of}, {rate['low']:g} to {rate['high']:g} by place and time ({rate['basis']}, {rate['year']}: "
        f"{rate['source']}); --goodput gives your own"
    )
    return job, said


def gap_cost(
    mfu: float | None,
    expected: float | None,
    price: float | None,
    devices: float | None,
    device_hours: float | None = None,
) -> dict[str, float | None]:
    """What a run loses against the MFU that similar runs reach: USD a day, and device-hours of the whole run.

    Null where a figure is unknown, zero where the run does better.
    """
    wasted = None if mfu is None or expected is None else max(0.0, 1.0 - mfu / expected)
    a_day = None if wasted is None or price is None or devices is None else wasted * price * devices * DAY / HOUR
    hours = None if wasted is None or device_hours is None else wasted * device_hours
    return {"gap_cost_usd_per_day": a_day, "gap_device_hours": hours}


def _watts(
    s: PlanQuestion, subject: Subject, warnings: list[str], sources: dict[str, str]
) -> tuple[SiteWatts | None, float | None]:
    accelerator = subject.accelerator
    if accelerator is None or accelerator.tdp_w is None:
        warnings.append("no power rating is known for this hardware: energy is null")
        return None, None
    from mfu_planner.hardware.energy import site_watts, typical_pue
    from mfu_planner.questions.device_count import node_size

    pue = s.pue
    basis = "given"
    if pue is None:
        found = typical_pue()
        pue, basis = found.value, found.basis
        sources["pue"] = found.source
    else:
        sources["pue"] = "given"
    node = node_size(s, accelerator) or 1
    watts = site_watts(
        accelerator.id, accelerator.tdp_w, pue, networked=not (subject.devices and subject.devices <= node)
    )
    warnings.append(f"{watts.said}; PUE: {basis}; --pue gives your own")
    sources["power_w"] = str(accelerator.source_of("power")["url"])
    sources.update(watts.sources)
    return watts, pue
