"""The same plan at several providers, each at its own price: one row each, the cheapest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from typing import TYPE_CHECKING, Any

from mfu_planner.errors import InputError, NoAnswer
from mfu_planner.run.frozen import Frozen

if TYPE_CHECKING:
    from mfu_planner.answers.planned import Plan


class AtProvider(Frozen):
    """A plan at one provider's price."""

    provider: str
    term: str | None
    price_usd_per_device_hour: float | None
    """Null where no price of the kind is on file."""
    price_date: str | None
    price_source: str | None
    goodput: float | None
    devices: int | None
    tokens: float | None
    training_time_s: float | None
    """Of the whole run; null where the provider's price allows none within the limits."""
    total_cost_usd: float | None
    said: str = ""
    """Why there is no answer, where there is none."""


def over_providers(given: Mapping[str, Any], solve: Callable[[Mapping[str, Any]], Plan]) -> Plan | None:
    """The cheapest of a question's plans at the providers it names, with a row for each; None where it names one.

    Raises
    ------
    InputError
        An unknown provider, or what every one of the plans refuses.
    NoAnswer
        None of the plans can be.
    """
    named = given.get("provider")
    names = [n.strip() for n in named.split(",") if n.strip()] if isinstance(named, str) else named
    if not isinstance(names, list | tuple) or len(names) < 2:
        return None
    if given.get("price") is not None:
        raise InputError("provider", ", ".join(map(str, names)), "nothing beside --price, which is one price for all")
    from mfu_planner.hardware.sellers import provider_id, provider_name

    plans: list[Plan] = []
    rows: list[AtProvider] = []
    refused: list[InputError | NoAnswer] = []
    for identifier in dict.fromkeys(provider_id(name) for name in names):
        try:
            plan = solve({**given, "provider": identifier})
        except (InputError, NoAnswer) as error:
            if isinstance(error, InputError) and error.field != "budget":
                raise
            refused.append(error)
            rows.append(_without(provider_name(identifier), str(error)))
            continue
        plans.append(plan)
        rows.append(_row(plan, provider_name(identifier)))
    if not plans:
        raise refused[0]
    best = min(plans, key=lambda p: _rank(p.cost_usd, p.tokens, p.training_time_s))
    rows.sort(key=lambda r: _rank(r.total_cost_usd, r.tokens, r.training_time_s))
    said = (
        f"{best.provider} is the cheapest per token of {len(rows)} providers; its price is used"
        if best.provider
        else ""
    )
    return best.model_copy(
        update={
            "providers": tuple(rows),
            "inputs": {**best.inputs, "provider": ",".join(names)},
            "warnings": (*((said,) if said else ()), *best.warnings),
        }
    )


def _rank(cost: float | None, tokens: float | None, seconds: float | None) -> tuple[float, float]:
    """By cost per token, then by time; without a price, and without an answer, last."""
    per_token = inf if cost is None or not tokens else cost / tokens
    return per_token, inf if seconds is None else seconds


def _row(plan: Plan, name: str) -> AtProvider:
    priced = plan.price_usd_per_device_hour is not None
    return AtProvider(
        provider=plan.provider or name,
        term=plan.term,
        price_usd_per_device_hour=plan.price_usd_per_device_hour,
        price_date=plan.price_date,
        price_source=plan.price_source,
        goodput=plan.goodput,
        devices=plan.devices,
        tokens=plan.tokens,
        training_time_s=plan.training_time_s,
        total_cost_usd=plan.cost_usd,
        said="" if priced else next((w for w in plan.warnings if w.startswith("no ")), ""),
    )


def _without(name: str, why: str) -> AtProvider:
    return AtProvider(
        provider=name, term=None, price_usd_per_device_hour=None, price_date=None, price_source=None,
        goodput=None, devices=None, tokens=None, training_time_s=None, total_cost_usd=None, said=why,
    )  # fmt: skip
