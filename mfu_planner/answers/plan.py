"""Planning: any sufficient set of model, tokens, hardware, devices, MFU, deadline, budget; the rest is solved for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mfu_planner.answers.closing import WHOLE, closed_on_any, known_of, whole_devices
from mfu_planner.answers.costs import Rates, gap_cost, rates, spot_job
from mfu_planner.answers.foreseen import predicted_step, refuse_unused
from mfu_planner.answers.optimal import at_optimum
from mfu_planner.answers.planned import Plan
from mfu_planner.answers.providers import over_providers
from mfu_planner.answers.ranges import plan_range
from mfu_planner.errors import InputError, NoAnswer
from mfu_planner.hardware.carbon import emissions
from mfu_planner.questions.device_count import device_facts, node_size
from mfu_planner.questions.runs import PlanQuestion
from mfu_planner.questions.subject import Subject, resolve_subject
from mfu_planner.questions.work_units import in_work_units
from mfu_planner.run import QUANTITIES, Derived, PowerProduct, closed_forms, derived
from mfu_planner.run.doubt import doubts
from mfu_planner.run.limits import LIMITS, refuse_absurd
from mfu_planner.units import HOUR, KWH, format_value

if TYPE_CHECKING:
    from mfu_planner.published.similar import Similar

_ASKED = ("tokens", "devices", "mfu", "training_time_s", "cost_usd")
_ROUNDS = 50
_SETTLED = 1e-6
"""Rounds between the devices of a job on spot instances and its goodput, and when they agree."""
_PALM = "Chowdhery et al. 2022, arXiv:2204.02311, appendix B"


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
    given, law = (_all_epochs(s), None) if s.optimal is None else at_optimum(s)
    try:
        subject, step = resolve_subject(given), None
    except InputError as error:
        if law is None or error.field != "hardware":
            raise
        told = (
            f"{law.params:.4g} parameters on {law.tokens:.4g} tokens by {law.title}; for time and cost {error.accepted}"
        )
        raise InputError(error.field, error.given, told, error.nearest) from None
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


def _all_epochs(s: PlanQuestion) -> PlanQuestion:
    """The same with the tokens of all epochs."""
    if s.epochs is None:
        return s
    if s.tokens is None:
        raise InputError("epochs", s.epochs, "also the --tokens or --samples of one epoch")
    return s.changed(tokens=s.tokens * s.epochs)


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
    known = known_of(s, subject, prices, warnings)
    if s.budget is not None and prices.price.usd_per_device_hour is None:
        raise InputError("budget", format_value(s.budget, "usd"), "also a --price: none is on file for this hardware")
    limits = {k: v for k, v in (("training_time_s", s.deadline), ("cost_usd", s.budget)) if v is not None}
    node = node_size(s, subject.accelerator) or 1
    exact, reached, on_any = closed_on_any(s, subject, known, limits, node)
    closed, known = whole_devices(exact, known, limits, subject, node)
    if on_any:
        where = f"one node of {node}" if node > 1 else "one device"
        warnings.insert(
            0,
            f"no --devices and no --deadline: the time is that of {where}; device-hours, cost and energy are the same "
            "on any number of devices at this MFU",
        )
    elif subject.devices is None and s.devices_per_node is None and node > 1:
        warnings.append(f"devices in whole nodes of {node}, the usual machine; --devices-per-node changes it")
    values = closed.values
    refuse_absurd(values)
    warnings = [*doubts(values), *warnings]
    if values["mfu"] > 1 + WHOLE:
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
    runs = plan_range(subject, values, None if on_any else round(values["devices"]))
    if runs is not None and s.mfu is None and closed.binding and values["mfu"] > runs.mfu_high:
        warnings.insert(
            0,
            f"doubtful: this needs an MFU of {values['mfu']:.1%}, and {runs.runs} similar published runs reached "
            f"{runs.mfu_low:.1%} to {runs.mfu_high:.1%}: it takes a later deadline, more money or fewer tokens",
        )
    return Plan.trusted(
        inputs=s.given(),
        solved_for=tuple(
            n
            for n in _ASKED
            if n not in _stated(s) and n in values and not (n == "mfu" and reached) and not (n == "devices" and on_any)
        ),
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
        nominal_devices=on_any,
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
