"""Price and power of a device: the user's own, or dated and sourced data."""

from __future__ import annotations

from dataclasses import dataclass, field

from mfu_planner.scenario import Scenario
from mfu_planner.subject import Subject


@dataclass(frozen=True, slots=True)
class Rates:
    """What a device costs and draws."""

    price: float | None = None
    """USD per device-hour."""
    power_w: float | None = None
    """Watt at the meter: TDP × PUE."""
    pue: float | None = None
    warnings: tuple[str, ...] = ()
    sources: dict[str, str] = field(default_factory=dict)


def rates(s: Scenario, subject: Subject) -> Rates:
    """The price and power to plan with; null with a warning where none is known."""
    warnings: list[str] = []
    sources: dict[str, str] = {}
    price = _price(s, subject, warnings, sources)
    power, pue = _power(s, subject, warnings, sources)
    return Rates(price, power, pue, tuple(warnings), sources)


def _price(s: Scenario, subject: Subject, warnings: list[str], sources: dict[str, str]) -> float | None:
    if s.price is not None:
        sources["price_usd_per_device_hour"] = "given"
        return s.price
    if subject.accelerator is not None:
        from mfu_planner.hardware.prices import typical_price

        found = typical_price(subject.accelerator.id, as_of=s.as_of)
        if found is not None:
            sources["price_usd_per_device_hour"] = found.source
            warnings.append(
                f"price ${found.usd_per_device_hour:.2f} per device-hour: {found.basis}; --price gives your own"
            )
            return found.usd_per_device_hour
    when = f" as of {s.as_of}" if s.as_of else ""
    warnings.append(f"no price is known for this hardware{when}: cost is null; --price '2.5 $/h' gives one")
    return None


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
