"""Planning: any sufficient set of model, tokens, hardware, devices, MFU, deadline, budget; the rest is solved for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from mfu_planner.answers.costs import Rates, gap_cost, rates, spot_job
from mfu_planner.answers.foreseen import Foreseen, predicted_step, refuse_unused
from mfu_planner.answers.optimal import at_optimum
from mfu_planner.answers.providers import AtProvider, over_providers
from mfu_planner.answers.ranges import PlanRange, plan_range, similar_to
from mfu_planner.answers.results import OnDevices, Result
from mfu_planner.errors import InputError, NoAnswer
from mfu_planner.hardware.carbon import emissions
from mfu_planner.questions.device_count import device_facts, node_size
from mfu_planner.questions.runs import PlanQuestion
from mfu_planner.questions.subject import Subject, resolve_subject
from mfu_planner.questions.work_units import batch_tokens, in_work_units
from mfu_planner.run import QUANTITIES, Derived, PowerProduct, closed_forms, derived
from mfu_planner.run.doubt import doubts
from mfu_planner.run.limits import LIMITS, Closed, close, refuse_absurd
from mfu_planner.run.scaling import Suggestion
from mfu_planner.units import HOUR, KWH, format_value

if TYPE_CHECKING:
    from mfu_planner.published.similar import Similar

_ASKED = ("tokens", "devices", "mfu", "training_time_s", "cost_usd")
_WHOLE = 1e-9
_ROUNDS = 50
_SETTLED = 1e-6
"""Rounds between the devices of a job on spot instances and its goodput, and when they agree."""
_PALM = "Chowdhery et al. 2022, arXiv:2204.02311, appendix B"


class Plan(OnDevices, Result):
    """A training run, closed: what was given and what follows."""

    solved_for: tuple[str, ...]
    """What was unknown."""
    training_time_s: float
    """Wall clock."""
    productive_time_s: float
    device_hours: float
    """Wall clock."""
    cost_usd: float | None
    energy_kwh: float | None
    """The devices' own at the meter: TDP × PUE × device-hours (host and network: ``energy``)."""
    energy: dict[str, float] | None = None
    """Of the whole site by part, kWh: device, host, network, cooling (PUE − 1 times the rest)."""
    energy_total_kwh: float | None = None
    """The sum of these parts."""
    co2_kg: dict[str, float] | None = None
    """CO₂ equivalent in the same parts, from the average electricity of ``grid``."""
    co2_total_kg: float | None = None
    """The sum of these parts."""
    grid: str | None = None
    """Whose electricity: a country, or the world."""
    gap_cost_usd_per_day: float | None = None
    """What the MFU below that of similar runs costs a day; zero above it, null where unknown."""
    gap_device_hours: float | None = None
    """The same in device-hours of the whole run."""
    interruptions_per_day: float | None = None
    """Of the whole job, failures included; filled on spot instances."""
    tokens: float
    devices: int
    devices_exact: float
    """Before rounding to whole nodes."""
    devices_per_node: int
    mfu: float | None
    """Of productive step time; null where nothing says it: then the figures are at the middle of ``range``."""
    goodput: float
    price_usd_per_device_hour: float | None
    provider: str | None = None
    """Whose price it is; None where it was given."""
    term: str | None = None
    price_date: str | None = None
    price_source: str | None = None
    flops_per_token: float
    """Per work unit (see ``work_unit``)."""
    total_flops: float
    peak_flops_per_s: float
    """Of one device."""
    peak_dtype: str
    sparse: bool
    achieved_flops_per_s_per_device: float
    tokens_per_s: float
    tokens_per_s_per_device: float
    convention: str
    by_convention: dict[str, float | None] = Field(default_factory=dict)
    """The same plan's MFU as each convention counts it; filled where ``convention`` is ``all``."""
    seq_len: int | None
    work_unit: str
    params: int
    active_params: int
    deadline_slack_s: float | None = None
    """Time left before the deadline."""
    budget_slack_usd: float | None = None
    """Money left of the budget."""
    range: PlanRange | None
    """The same plan at the MFU of similar published runs."""
    predicted: Foreseen | None = None
    """The predicted step that the MFU is taken from, where one was asked for."""
    optimal: Suggestion | None = None
    """The scaling law that gave the size or the tokens, where one was asked for."""
    pue: float | None = None
    optimizer_steps: float | None = None
    """Tokens ÷ tokens per global batch, where a batch is given."""
    step_time_s: float | None = None
    providers: tuple[AtProvider, ...] = ()
    """The same plan at each provider's price, where several were named; cheapest first."""
    stages: tuple[Plan, ...] = ()
    """The parts of a run in stages, which this plan sums."""

    @property
    def mfu_used(self) -> float:
        """The MFU that the figures are at: the plan's, or the middle of its range where nothing says it."""
        if self.mfu is None:
            assert self.range is not None
            return self.range.mfu_typical
        return self.mfu


def plan(**given: Any) -> Plan:
    """Plan a training run.

    Arguments are the flags of ``mfu-planner plan`` with underscores; text may carry units (``tokens="15.6T"``,
    ``deadline="30d"``); numbers are SI, prices USD per device-hour.

    Raises
    ------
    InputError
        Something given cannot be used, contradicts, or too little is given.
    NoAnswer
        A deadline or a budget cannot be met.

    Examples
    --------
    >>> from mfu_planner import plan
    >>> p = plan(model="llama-3.1-8b", hardware="h100-sxm", devices=64, tokens="1T", mfu="40%")
    >>> round(p.training_time_s / 86400, 1)
    26.5
    """
    compared = over_providers(given, lambda one: plan(**one))
    return compared or plan_question(PlanQuestion.of(given))


def plan_question(s: PlanQuestion) -> Plan:
    """Plan from a question that is read; where asked for, a law gives size or tokens and a prediction the MFU."""
    refuse_unused(s)
    given, law = (s, None) if s.optimal is None else at_optimum(s)
    subject, step = resolve_subject(given), None
    if s.predict:
        step = predicted_step(given, subject)
        given = given.changed(flops_per_second_per_device=step.rate)
    found = _at_prices(given, subject)
    if given is s:
        return found
    solved = tuple(n for n in _ASKED if n not in _stated(s) and getattr(found, n) is not None)
    seen = step and found.mfu and step.under(found.mfu, found.training_time_s)
    more = {"inputs": s.given(), "solved_for": solved, "predicted": seen or None, "optimal": law}
    return found.model_copy(update=more | _slack(s, found.training_time_s, found.cost_usd))


def _slack(s: PlanQuestion, seconds: float, cost: float | None) -> dict[str, float | None]:
    return {
        "deadline_slack_s": None if s.deadline is None else s.deadline - seconds,
        "budget_slack_usd": None if s.budget is None or cost is None else s.budget - cost,
    }


def _at_prices(s: PlanQuestion, subject: Subject) -> Plan:
    """On spot instances interruptions lower the goodput, where none is given."""
    prices = rates(s, subject)
    if s.goodput is not None or prices.price.term != "spot":
        return _plan(s, subject, prices)
    assert subject.model is not None
    goodput = 1.0
    for _ in range(_ROUNDS):
        found = _plan(s.changed(goodput=goodput), subject, prices)
        spot = spot_job(prices.price, subject.model.params, found.devices)
        assert spot is not None
        job, said = spot
        if abs(job["goodput"] / goodput - 1) < _SETTLED:
            per_day = job["failures_per_day"]
            told = (said, f"{per_day:,.1f} interruptions a day are expected of the whole job", *found.warnings)
            return found.model_copy(update={"inputs": s.given(), "warnings": told, "interruptions_per_day": per_day})
        goodput = job["goodput"]
    raise NoAnswer(
        "on spot instances more devices are interrupted more often than they help here: give a later deadline, "
        "--devices, or --term on-demand"
    )


def _plan(s: PlanQuestion, subject: Subject, prices: Rates) -> Plan:
    warnings = [*subject.warnings, *prices.warnings]
    s = in_work_units(s, subject, warnings)
    known = _known(s, subject, prices, warnings)
    if s.budget is not None and prices.price.usd_per_device_hour is None:
        raise InputError("budget", format_value(s.budget, "usd"), "also a --price: none is on file for this hardware")
    limits = {k: v for k, v in (("training_time_s", s.deadline), ("cost_usd", s.budget)) if v is not None}
    exact, reached = _closed(s, subject, known, limits)
    node = node_size(s, subject.accelerator) or 1
    closed, known = _whole_devices(exact, known, limits, subject, node)
    if subject.devices is None and s.devices_per_node is None and node > 1:
        warnings.append(f"devices in whole nodes of {node}, the usual machine; --devices-per-node changes it")
    values = closed.values
    refuse_absurd(values)
    warnings = [*doubts(values), *warnings]
    if values["mfu"] > 1 + _WHOLE:
        raise NoAnswer(
            f"this needs an MFU of {values['mfu']:.1%}, above 100% of the peak: give more devices, a later deadline or "
            "fewer tokens"
        )
    if reached is not None:
        warnings.insert(0, _over(reached))
    elif s.mfu is None and closed.binding:
        limits_met = " and ".join(LIMITS[name] for name in closed.binding)
        warnings.append(f"the MFU is what the {limits_met} needs: the run must reach at least this")
    assert subject.model is not None
    forms = closed_forms(frozenset({**known, **{n: values[n] for n in closed.binding}})).solved
    order = [n for n in QUANTITIES if n in forms]
    kwh = values["energy_j"] / KWH if "energy_j" in values else None
    hours = values["device_time_s"] / HOUR
    runs = plan_range(subject, values)
    return Plan(
        inputs=s.given(),
        solved_for=tuple(n for n in _ASKED if n not in _stated(s) and n in values and (n != "mfu" or reached is None)),
        training_time_s=values["training_time_s"],
        productive_time_s=values["productive_time_s"],
        device_hours=hours,
        cost_usd=values.get("cost_usd"),
        energy_kwh=kwh,
        **_site(s, prices, hours, warnings),
        **device_facts(s, subject.accelerator, round(values["devices"])),
        **gap_cost(
            values["mfu"],
            runs.mfu_typical if runs else None,
            prices.price.usd_per_device_hour,
            values["devices"],
            hours,
        ),
        tokens=values["tokens"],
        devices=round(values["devices"]),
        devices_exact=exact.values["devices"],
        devices_per_node=node,
        mfu=None if reached else values["mfu"],
        goodput=values["goodput"],
        price_usd_per_device_hour=prices.price.usd_per_device_hour,
        **prices.price.record(),
        flops_per_token=values["flops_per_token"],
        total_flops=values["total_flops"],
        peak_flops_per_s=values["peak_flops_per_s"],
        peak_dtype=subject.peak_dtype,
        sparse=subject.sparse,
        achieved_flops_per_s_per_device=values["achieved_flops_per_s_per_device"],
        tokens_per_s=values["tokens_per_s"],
        tokens_per_s_per_device=values["tokens_per_s_per_device"],
        convention=subject.convention,
        seq_len=subject.seq_len,
        work_unit=subject.model.work_unit,
        params=subject.model.params,
        active_params=subject.model.active_params,
        **_slack(s, values["training_time_s"], values.get("cost_usd")),
        range=runs,
        optimizer_steps=values.get("optimizer_steps"),
        step_time_s=values.get("step_time_s"),
        pue=prices.pue,
        warnings=tuple(warnings),
        steps=(*(subject.work_steps() if s.explain else ()), *_steps(order, values, forms)),
        by_convention=_by_convention(s, subject, values["mfu"]),
        sources={**subject.sources, **prices.sources},
    )


def _closed(
    s: PlanQuestion, subject: Subject, known: dict[str, float], limits: dict[str, float]
) -> tuple[Closed, Similar | None]:
    """The closed plan; where only an MFU is missing, at the middle of what similar published runs reached."""
    try:
        return close(known, limits), None
    except InputError as error:
        found = similar_to(subject, subject.devices) if error.field == "plan" and s.mfu is None else None
        if found is None and s.mfu is None and "--mfu" in error.accepted:
            told = "too few published runs like it are on file to answer without; --predict says one from a layout"
            raise InputError(error.field, error.given, f"{error.accepted} ({told})", error.nearest) from None
        if found is None:
            raise
    known["mfu"] = found.typical
    return close(known, limits), found


def _over(found: Similar) -> str:
    return (
        f"no MFU was given: {found.n} similar published runs reached {found.low:.1%} to {found.high:.1%} "
        f"({found.basis}); the figures are at their middle, {found.typical:.1%}; --mfu or --predict says better"
    )


def _site(s: PlanQuestion, prices: Rates, device_hours: float, warnings: list[str]) -> dict[str, Any]:
    """Energy and CO₂ of the whole site by part, their sums, and whose electricity it is."""
    if prices.watts is None:
        return {}
    total = prices.watts.total * device_hours * HOUR / KWH
    grid = s.grid or "world"
    found = emissions(total, grid)
    if s.grid is None:
        warnings.append(f"CO₂ at {found.g_per_kwh:g} g/kWh, {found.basis}; --grid names a country")
    return {
        "energy": prices.watts.split(total),
        "energy_total_kwh": total,
        "co2_kg": prices.watts.split(found.co2e_kg),
        "co2_total_kg": found.co2e_kg,
        "grid": grid,
    }


def _steps(order: list[str], values: dict[str, float], forms: Mapping[str, PowerProduct]) -> Iterator[Derived]:
    for name in order:
        yield derived(name, values, forms[name], _PALM if name == "mfu" or "mfu" in forms[name].names else "definition")


def _by_convention(s: PlanQuestion, subject: Subject, mfu: float) -> dict[str, float | None]:
    """The plan's MFU as each convention would count it, where all were asked for."""
    if s.convention != "all" or subject.model is None or subject.model.architecture is None:
        return {}
    from mfu_planner.counting.conventions import by_convention

    assert subject.flops_per_token
    counted = by_convention(subject.model.architecture, subject.work)
    return {n: None if work is None else mfu * float(work / subject.flops_per_token) for n, work in counted.items()}


def _stated(s: PlanQuestion) -> set[str]:
    return {n for n in ("tokens", "devices", "mfu") if getattr(s, n) is not None}


def _known(s: PlanQuestion, subject: Subject, prices: Rates, warnings: list[str]) -> dict[str, float]:
    assert subject.flops_per_token is not None
    known = {
        "flops_per_token": float(subject.flops_per_token),
        "peak_flops_per_s": subject.peak_flops_per_s,
        "goodput": 1.0 if s.goodput is None else s.goodput,
    }
    if s.goodput is None:
        warnings.append("goodput 1.0 assumed: no time lost to failures, restarts or checkpoints; --goodput changes it")
    price = prices.price.usd_per_device_hour
    optional = {
        "tokens": s.tokens,
        "devices": subject.devices,
        "mfu": s.mfu,
        "tokens_per_s": s.tokens_per_second,
        "tokens_per_s_per_device": s.tokens_per_second_per_device,
        "achieved_flops_per_s_per_device": s.flops_per_second_per_device,
        "price_usd_per_device_s": None if price is None else price / HOUR,
        "power_w": None if prices.watts is None else prices.watts.device * (prices.pue or 1.0),
        "tokens_per_step": batch_tokens(s, subject),
    }
    return known | {k: float(v) for k, v in optional.items() if v is not None}


def _whole_devices(
    exact: Closed, known: dict[str, float], limits: dict[str, float], subject: Subject, node: int
) -> tuple[Closed, dict[str, float]]:
    """Round solved-for devices to whole nodes (up for a deadline, down for a budget) and recompute."""
    if subject.devices is not None:
        return exact, known
    refuse_absurd(exact.values)
    nodes = exact.values["devices"] / node
    down = "cost_usd" in exact.binding
    whole = math.floor(nodes * (1 + _WHOLE)) if down else math.ceil(nodes * (1 - _WHOLE))
    if whole < 1:
        raise NoAnswer(
            f"the budget pays for {exact.values['devices']:.2f} devices, less than one node of {node}: give a larger "
            "budget, an earlier deadline or a lower price"
        )
    known = {**known, "devices": float(whole * node)}
    return close(known, limits), known
