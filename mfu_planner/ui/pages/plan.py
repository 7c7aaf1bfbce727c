"""Plan: leave any field blank and it is solved for."""

from __future__ import annotations

from typing import Any

import streamlit as st

from mfu_planner.answers.foreseen import LAID_OUT
from mfu_planner.answers.planfile import plan_stages
from mfu_planner.answers.planned import Plan
from mfu_planner.answers.suggest import optimal_tokens, typical_mfu
from mfu_planner.answers.sweep import over_hardware
from mfu_planner.errors import PlannerError
from mfu_planner.hardware.carbon import countries
from mfu_planner.hardware.sellers import ASKED_TERMS
from mfu_planner.questions.command import command_of
from mfu_planner.report.human import carbon, percent
from mfu_planner.report.markdown import plan_markdown
from mfu_planner.ui.cards import Card, cards, heading, hero, notes, scientific, sheet, table
from mfu_planner.ui.charts import plan as charts
from mfu_planner.ui.derivation import derivation
from mfu_planner.ui.fields import FIELDS
from mfu_planner.ui.fold import fold
from mfu_planner.ui.form import Form
from mfu_planner.ui.keep import keep_button
from mfu_planner.ui.layout import layout_fields
from mfu_planner.ui.measured import MEASURED, measured_fields
from mfu_planner.ui.numbers import show
from mfu_planner.ui.refusal import refused, sentence
from mfu_planner.ui.share import Taken, as_python, as_yaml, code, take_along
from mfu_planner.ui.stages import stage_fields, stage_table
from mfu_planner.ui.subject import for_yaml, hardware_fields, model_fields, rare_hardware_fields, shown
from mfu_planner.ui.text import N_, _, said
from mfu_planner.units import KWH

_FROM_FILE = ("from mfu_planner import plan_file", "result = plan_file('plan.yaml')")
_MFU_FROM = {"own": N_("own figure"), "published": N_("published runs"), "predicted": N_("predicted")}


def page() -> None:
    """Draw the page."""
    heading(
        _("Plan a training run"),
        _("Leave tokens, devices or MFU blank and give a deadline or a budget instead: what is blank is solved for."),
    )
    asked, answer = sheet()
    with asked:
        form = _fields()
    with answer:
        try:
            result = plan_stages(form.given)
        except PlannerError as error:
            form.blame(error)
            return
        _answer(result)
        if result.stages:
            stage_table(result)
        else:
            _charts(result, form.given)
        derivation(result.steps, result.sources)
        take_along("plan", lambda: _taken(result, form.given))
        keep_button()


def _taken(result: Plan, given: dict[str, Any]) -> Taken:
    command = command_of("plan", shown(given)) if not result.stages else "mfu-planner plan --file plan.yaml"
    report, file = plan_markdown(result, command), as_yaml(for_yaml(given))
    python = as_python("plan", given) if not result.stages else code(*_FROM_FILE)
    return Taken(command, python, result.as_json(), report=report, plan_file=file)


def _fields() -> Form:
    form = Form()
    with st.container(border=True):
        model_fields(form)
        hardware_fields(form)
    with st.container(border=True):
        left, right = st.columns(2)
        with left:
            form.text("tokens")
        with right:
            form.text("devices")
        _suggest_tokens(form)
        _mfu(form)
    with st.container(border=True):
        left, right = st.columns(2)
        with left:
            form.text("deadline")
            form.text("goodput")
        with right:
            form.text("budget")
            form.text("price")
        left, right = st.columns(2)
        with left:
            form.text("provider")
        with right:
            term = form.choice("term", ASKED_TERMS)
        form.put("term", None if term == FIELDS["term"].default else term)
    rare, dropped = ("pue", "grid", "peak", "sparse"), bool(st.session_state.get(MEASURED))
    with form.folded("energy", _("Energy, own peak, own measurements"), rare, filled=dropped) as drawn:
        if drawn:
            left, right = st.columns(2)
            with left:
                form.text("pue")
            with right:
                grid = form.choice("grid", countries())
            form.put("grid", None if grid == FIELDS["grid"].default else grid)
            rare_hardware_fields(form)
            measured_fields(form)
    stage_fields(form)
    form.proposals()
    form.rest(without=("predict", *(() if form.given.get("predict") else LAID_OUT)))
    return form


def _mfu(form: Form) -> None:
    way = form.labelled("mfu_from", _MFU_FROM)
    if way == "own":
        form.text("mfu")
    elif way == "predicted":
        _predicted(form)
    else:
        _published(form)


def _predicted(form: Form) -> None:
    form.text("global_batch")
    layout_fields(form)
    form.put("predict", True)


def _published(form: Form) -> None:
    try:
        found = typical_mfu(**{k: v for k, v in form.given.items() if k != "mfu"})
    except PlannerError as error:
        st.warning(refused(error))
        return
    form.put("mfu", found.typical)
    links = " ".join(f"[{i}]({url})" for i, url in enumerate(found.links, 1))
    text = _("**{mfu}**, the median of {n} runs ({low} to {high}): {basis}. Sources: {links}")
    st.caption(
        text.format(
            mfu=percent(found.typical),
            n=found.runs,
            low=percent(found.low),
            high=percent(found.high),
            basis=sentence(found.basis),
            links=links,
        )
    )


def _suggest_tokens(form: Form) -> None:
    named = {k: v for k, v in form.given.items() if k in ("model", "config", "params", "active_params")}
    try:
        found = optimal_tokens(**named)
    except PlannerError:
        return
    text = _("compute-optimal: {ratio:.1f} per parameter ([law]({url}))")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            _("Use {tokens}").format(tokens=show(found.tokens, "count", 3)),
            on_click=lambda: st.session_state.update({"tokens": show(found.tokens, "count", 4)}),
            icon=":material/arrow_upward:",
            help=said(f"{found.title}: {found.source}"),
        )
        st.markdown(text.format(ratio=found.tokens_per_parameter, url=found.url), width="content")


def _answer(p: Plan) -> None:
    hero(
        _("{tokens} {unit}s on {devices} devices at {mfu} MFU take").format(
            tokens=show(p.tokens, "count", 4), unit=p.work_unit, devices=f"{p.devices:,}", mfu=percent(p.mfu_used)
        ),
        [
            (show(p.training_time_s, "time", 3), "", f"{p.training_time_s:,.0f} s"),
            (show(p.device_hours, "count", 4), _("device-hours"), f"{p.device_hours:,.1f}"),
            *([] if p.cost_usd is None else [(show(p.cost_usd, "usd", 3), "", f"${p.cost_usd:,.2f}")]),
        ],
    )
    if p.predicted is not None:
        text = _("**{mfu}** predicted ({low} to {high}); the Layout page shows where the rest goes.")
        step = p.predicted
        st.caption(text.format(mfu=percent(step.mfu), low=percent(step.mfu_low), high=percent(step.mfu_high)))
    if p.range is not None:
        _range(p)
    cards(_cards(p))
    _providers(p)
    notes(p.warnings)


def _cards(p: Plan) -> list[Card]:
    solved = set(p.solved_for)
    exactly = _("exactly {n:,.2f}; nodes of {k}").format(n=p.devices_exact, k=p.devices_per_node)
    rounded = abs(p.devices_exact - p.devices) > 1e-6
    price = p.price_usd_per_device_hour
    hourly = "" if price is None else f"${price:,.2f} " + _("per device-hour")
    of_peak = _("of {peak}").format(peak=show(p.peak_flops_per_s, "flop_per_s"))
    money = "" if p.cost_usd is None else f"${p.cost_usd:,.2f}"
    each = f"{show(p.flops_per_token, 'flop', 4)} / {p.work_unit}"
    whole = f"{p.tokens_per_s:,.0f} {p.work_unit}s/s " + _("in all")
    per_device = _("{unit}s per device").format(unit=p.work_unit)
    found = [
        Card(_("Devices"), f"{p.devices:,}", exactly, exactly if rounded else "", "devices" in solved),
        Card(_("Tokens"), show(p.tokens, "count", 4), f"{p.tokens:,.0f}", "", "tokens" in solved),
        Card("MFU", percent(p.mfu_used), f"{100 * p.mfu_used!r}%", of_peak, "mfu" in solved),
        Card(_("Cost"), show(p.cost_usd, "usd", 4), money, hourly),
        _energy(p),
        *_carbon(p),
        Card(_("Throughput"), f"{p.tokens_per_s_per_device:,.1f} /s", whole, per_device),
        Card(_("Work"), scientific(p.total_flops) + " FLOP", f"{p.total_flops:.12g} FLOP", each),
    ]
    if p.deadline_slack_s is not None:
        found.append(Card(_("Before the deadline"), show(max(0.0, p.deadline_slack_s), "time", 3)))
    if p.budget_slack_usd is not None:
        found.append(Card(_("Left of the budget"), show(max(0.0, p.budget_slack_usd), "usd", 3)))
    return found


def _energy(p: Plan) -> Card:
    if p.energy is None or p.energy_total_kwh is None:
        return Card(_("Energy"), "–", more=_("no power rating on file"))
    parts = {"device": _("device"), "host": _("host"), "network": _("network"), "cooling": _("cooling")}
    each = ", ".join(f"{parts[k]} {percent(v / p.energy_total_kwh, 0)}" for k, v in p.energy.items())
    return Card(_("Energy"), show(p.energy_total_kwh * KWH, "energy", 3), f"{p.energy_total_kwh:,.0f} kWh", each)


def _carbon(p: Plan) -> list[Card]:
    if p.co2_total_kg is None:
        return []
    return [Card("CO₂", carbon(p.co2_total_kg), f"{p.co2_total_kg:,.0f} kg", str(p.grid))]


def _providers(p: Plan) -> None:
    """Each provider's price, and the whole run at it."""
    if not p.providers:
        return
    rows = [
        (
            r.provider,
            "–" if r.price_usd_per_device_hour is None else f"{r.price_usd_per_device_hour:,.2f}",
            (r.price_date or "–", r.price_source) if r.price_source else "–",
            show(r.training_time_s, "time", 3),
            show(r.total_cost_usd, "usd", 4),
        )
        for r in p.providers
    ]
    table((_("provider"), _("$ per device-hour"), _("source"), _("time"), _("cost")), rows)


def _range(p: Plan) -> None:
    r = p.range
    assert r is not None
    cost = "" if r.cost_usd_low is None else f", {show(r.cost_usd_low, 'usd', 3)} – {show(r.cost_usd_high, 'usd', 3)}"
    links = " ".join(f"[{i}]({url})" for i, url in enumerate(r.sources, 1))
    text = _("**Range.** {n} similar published runs reached {low} – {high} MFU: **{fast} – {slow}**{cost}. {links}")
    if p.mfu_used < r.mfu_low:
        text += " " + _("This plan's {mfu} is less than any of them: its time lies above.")
    elif p.mfu_used > r.mfu_high:
        text += " " + _("This plan's {mfu} is more than any of them: its time lies below.")
    st.info(
        text.format(
            mfu=percent(p.mfu_used),
            n=r.runs,
            low=percent(r.mfu_low),
            high=percent(r.mfu_high),
            fast=show(r.training_time_s_low, "time", 3),
            slow=show(r.training_time_s_high, "time", 3),
            cost=cost.replace("$", "\\$"),
            links=links,
        ),
        icon=":material/straighten:",
    )


def _charts(p: Plan, given: dict[str, Any]) -> None:
    left, right = st.columns(2)
    with left:
        charts.over_devices(p)
    with right:
        charts.over_mfu(p, "cost")
    named = _("The same run on other hardware: cost against time")
    with fold("other-hardware", named, icon=":material/scatter_plot:") as drawn:
        if not drawn:
            return
        dtype = str(given.get("dtype") or FIELDS["dtype"].default)
        rows = over_hardware(p, dtype)
        text = _(
            "Same devices, MFU and goodput; the {dtype} dense peak and the middle price of each. "
            "Named: none is both faster and cheaper."
        )
        st.caption(text.format(dtype=dtype))
        charts.over_hardware(rows, str(given.get("hardware")))
