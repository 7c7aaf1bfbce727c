"""Measure: what MFU is that, is it good, and can the number be right?"""

from __future__ import annotations

from typing import Any

import streamlit as st

from mfu_planner.answers.measure import Measurement, measure
from mfu_planner.answers.suggest import of_run, published_runs
from mfu_planner.answers.verdict import PLACES
from mfu_planner.errors import PlannerError
from mfu_planner.questions.command import command_of
from mfu_planner.questions.question import asks
from mfu_planner.report.human import percent
from mfu_planner.report.markdown import measurement_markdown
from mfu_planner.ui.cards import Card, cards, heading, hero, notes, sheet
from mfu_planner.ui.charts import measure as charts
from mfu_planner.ui.derivation import derivation
from mfu_planner.ui.form import Form
from mfu_planner.ui.keep import keep_button
from mfu_planner.ui.log import log_answer, log_fields
from mfu_planner.ui.measured import MEASURED, measured_fields
from mfu_planner.ui.numbers import show
from mfu_planner.ui.refusal import sentence
from mfu_planner.ui.share import Taken, as_python, take_along
from mfu_planner.ui.subject import hardware_fields, model_fields, rare_hardware_fields, shown
from mfu_planner.ui.text import N_, _

_WAYS = {
    "flops": N_("FLOP/s"),
    "device": N_("tokens/s per device"),
    "job": N_("tokens/s"),
    "step": N_("step time"),
    "hours": N_("device-hours"),
    "log": N_("a log"),
}
_FIELDS = {
    "flops": ("flops_per_second_per_device", "devices"),
    "device": ("tokens_per_second_per_device", "devices"),
    "job": ("tokens_per_second", "devices"),
    "step": ("step_time", "global_batch", "devices"),
    "hours": ("tokens", "device_hours", "goodput"),
    "log": (),
}
_OF_THE_RUN = {"tokens", "goodput"}
"""Fields of a whole run: beside a rate they say what its gap costs."""
_RECOMPUTE = ("unknown", "none", "selective", "full")
_GRADES = {"good": N_("good"), "fair": N_("fair"), "low": N_("low"), "poor": N_("poor"), "impossible": N_("impossible")}


def page() -> None:
    """Draw the page."""
    heading(
        _("Measure a run"),
        _(
            "From what you observed to MFU: under every convention, beside published runs, "
            "with a check whether the number itself can be right."
        ),
    )
    asked, answer = sheet()
    with asked:
        with st.container(border=True):
            way = Form("mfu").labelled("observed", _WAYS)
            form = Form("log" if way == "log" else "mfu", evidence=way == "log")
            for first, second in _pairs(_FIELDS[way]):
                left, right = st.columns(2)
                with left:
                    form.text(first)
                if second:
                    with right:
                        form.text(second)
            log = log_fields(form) if way == "log" else None
        with st.container(border=True):
            model_fields(form)
            hardware_fields(form)
        rare, dropped = ("recompute", "reported_mfu", "peak", "sparse"), bool(st.session_state.get(MEASURED))
        with form.folded("rare", _("Recomputation, own peak, reported MFU"), rare, filled=dropped) as drawn:
            if drawn:
                _rare(form)
        form.rest(without={name for names in _FIELDS.values() for name in names} - _OF_THE_RUN)
    with answer:
        if way == "log":
            log_answer(log, form)
            return
        if not form.given.get(_FIELDS[way][0]):
            st.info(_("Say among the fields what you observed."), icon=":material/edit:")
            return
        try:
            result = measure(**form.given)
        except PlannerError as error:
            form.blame(error)
            return
        show_measurement(result, form)


def _rare(form: Form) -> None:
    chosen = form.choice("recompute", _RECOMPUTE)
    form.put("recompute", None if chosen == "unknown" else chosen)
    if "reported_mfu" in asks(form.question):
        form.text("reported_mfu")
    rare_hardware_fields(form)
    measured_fields(form)


def _pairs(names: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(names[i], names[i + 1] if i + 1 < len(names) else "") for i in range(0, len(names), 2)]


def show_measurement(m: Measurement, form: Form) -> None:
    """The answer, its verdict, its findings, and the pictures."""
    _answer(m)
    _verdict(m)
    _findings(m)
    _around(m, form)
    if len(m.by_convention) > 1:
        st.header(_("The same run under each convention"), anchor=False)
        charts.conventions(m.by_convention, m.convention)
    notes(m.warnings)
    derivation(m.steps, m.sources)
    take_along("measurement", lambda: _taken(m, form.given))
    if m.mfu <= 1:
        keep_button(mfu=f"{100 * m.mfu:.6g}%")


def _taken(m: Measurement, given: dict[str, Any]) -> Taken:
    command = command_of("mfu", shown(given))
    rows = [{"convention": name, "mfu": value} for name, value in m.by_convention.items()]
    report = measurement_markdown(m, command)
    return Taken(command, as_python("measure", given), m.as_json(), report=report, rows=rows)


def _answer(m: Measurement) -> None:
    basis = _("sparse") if m.sparse else _("dense")
    said = _("Of the {peak} that a device could do at most ({dtype}, {basis}), the run uses")
    peak = show(m.peak_flops_per_s, "flop_per_s")
    hfu = [] if m.hfu is None else [(percent(m.hfu), "HFU", f"{100 * m.hfu!r}%")]
    hero(said.format(peak=peak, dtype=m.peak_dtype, basis=basis), [(percent(m.mfu), "MFU", f"{100 * m.mfu!r}%"), *hfu])
    rate = m.tokens_per_s_per_device
    found = [
        Card(
            _("Achieved per device"),
            show(m.achieved_flops_per_s_per_device, "flop_per_s"),
            f"{m.achieved_flops_per_s_per_device:,.0f} FLOP/s",
        ),
        Card(_("Peak per device"), peak, f"{m.peak_flops_per_s:,.0f} FLOP/s", f"{m.peak_dtype}, {basis}"),
        Card("HFU", percent(m.hfu), more=_("with recomputation; say which among the fields") if m.hfu is None else ""),
    ]
    if rate is not None:
        whole = "" if m.tokens_per_s is None else f"{m.tokens_per_s:,.0f} /s " + _("in all")
        found.append(Card(_("{unit}s/s per device").format(unit=m.work_unit), f"{rate:,.1f}", f"{rate!r}", whole))
    if m.flops_per_token is not None:
        each = show(m.flops_per_token, "flop")
        found.append(
            Card(_("Work per {unit}").format(unit=m.work_unit), each, f"{m.flops_per_token:,.2f}", m.convention)
        )
    cards(found)


def _verdict(m: Measurement) -> None:
    if m.verdict is None:
        return
    v = m.verdict
    draw = {"good": st.success, "fair": st.info, "impossible": st.error}.get(v.grade, st.warning)
    text = _("**{place}**.").format(place=_(PLACES[v.place]))
    if v.similar_typical is not None:
        links = " ".join(f"[{i}]({url})" for i, url in enumerate(v.sources, 1))
        more = _("{n} similar published runs reached {low} – {high}, typically {mid} ({basis}). {links}")
        text += " " + more.format(
            n=v.similar_runs,
            low=percent(v.similar_low),
            high=percent(v.similar_high),
            mid=percent(v.similar_typical),
            basis=sentence(v.similar_basis),
            links=links,
        )
    rule = _("By the rule of thumb: {grade} — {meaning}.")
    text += " " + rule.format(grade=_(_GRADES.get(v.grade, v.grade)), meaning=_(v.meaning))
    if m.gap_cost_usd_per_day:
        cost = f"\\${m.gap_cost_usd_per_day:,.0f}"
        text += " " + _("The gap to the typical one costs **{usd}** a day.").format(usd=cost)
        if m.gap_device_hours:
            money = "–" if m.gap_cost_usd is None else f"\\${m.gap_cost_usd:,.0f}"
            whole = _("Over the run: **{hours} device-hours**, {usd}.")
            text += " " + whole.format(hours=f"{m.gap_device_hours:,.0f}", usd=money)
        else:
            text += " " + _("With the tokens of the whole run (among “Everything else”) it is said for the run, too.")
    draw(text, icon=":material/gavel:")


def _findings(m: Measurement) -> None:
    for finding in m.findings:
        then = "" if finding.mfu_if_so is None else f" → MFU {percent(finding.mfu_if_so)}"
        draw = {"error": st.error, "warning": st.warning}.get(finding.severity, st.info)
        draw(sentence(finding.message) + then)


def _around(m: Measurement, form: Form) -> None:
    params, hardware = of_run(**form.given)
    if params is None or hardware is None or m.mfu > 1:
        return
    st.header(_("You are here"), anchor=False)
    st.caption(_("Published runs, the best layout of each; a click opens the source."))
    charts.around(published_runs(hardware), params, m.mfu, hardware)
