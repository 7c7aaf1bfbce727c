"""Layout: one step predicted, with no target MFU given; and the best layouts found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from mfu_planner.answers.memory import memory
from mfu_planner.answers.predict import predict
from mfu_planner.answers.prediction import Prediction
from mfu_planner.errors import PlannerError
from mfu_planner.questions.command import command_of
from mfu_planner.questions.layouts import MemoryQuestion
from mfu_planner.questions.question import asks
from mfu_planner.report.human import percent
from mfu_planner.step.picture import schedule
from mfu_planner.ui.best_layouts import best_layouts
from mfu_planner.ui.cards import Card, cards, heading, hero, notes, sheet
from mfu_planner.ui.charts import layout as charts
from mfu_planner.ui.derivation import derivation
from mfu_planner.ui.fold import fold
from mfu_planner.ui.form import Form
from mfu_planner.ui.keep import keep_button
from mfu_planner.ui.layout import as_layout, layout_fields, named, rare_layout_fields
from mfu_planner.ui.measured import MEASURED
from mfu_planner.ui.numbers import show
from mfu_planner.ui.refusal import refused, sentence
from mfu_planner.ui.share import Taken, as_python, take_along
from mfu_planner.ui.subject import hardware_fields, model_fields, shown
from mfu_planner.ui.text import _, said

_DRAWN = {"stages": 16, "micro_batches": 32, "virtual": 4}
"""The largest schedule that a picture can show."""


def page() -> None:
    """Draw the page."""
    heading(
        _("Layout"),
        _(
            "What MFU will a parallel layout reach? Predicted from the model, the hardware and the network; "
            "no target is given."
        ),
    )
    asked, answer = sheet()
    form = Form("predict")
    with asked:
        with st.container(border=True):
            model_fields(form, convention=False)
            hardware_fields(form)
        with st.container(border=True):
            left, right = st.columns(2)
            with left:
                form.text("devices")
            with right:
                form.text("global_batch")
            layout_fields(form)
            form.proposals()
        rare = ("cluster", "optimizer", "offload", "stack")
        dropped = bool(st.session_state.get(MEASURED))
        with form.folded("rare", _("Machine, optimizer, offload"), rare, filled=dropped) as drawn:
            if drawn:
                rare_layout_fields(form)
        form.rest()
    given = as_layout(form.given)
    with answer:
        try:
            result = predict(**given)
        except PlannerError as error:
            form.blame(error)
        else:
            _answer(result)
            take_along("prediction", lambda: _taken(result, named(given)))
            keep_button(mfu_from="predicted")
            _fewest(form, given)
            if st.toggle(_("Show every part as a formula"), help=_("Each part in letters, with the numbers put in.")):
                _formulas(predict(**given, explain=True))
        best_layouts(form, given)


def _taken(result: Prediction, given: dict[str, Any]) -> Taken:
    command, python = command_of("predict", shown(given)), as_python("predict", given)
    return Taken(command, python, result.as_json(), rows=result["waterfall"])


def _formulas(told: Prediction) -> None:
    """What the step depends on most, and the formulas of its parts."""
    first = [f"**{s['name']}** {s['exponent']:+.2f} ({said(s['meaning'])})" for s in told.sensitivities[:3]]
    st.markdown(_("1% more of it changes the step by so many per cent: {most}.").format(most=", ".join(first)))
    derivation(told.steps, told.sources)


def _answer(r: Mapping[str, Any]) -> None:
    reach = r["range"]
    hero(
        _("One step on {devices} devices takes").format(devices=f"{r['inputs']['devices']:,}"),
        [
            (show(r["step_time_s"], "time", 3), "", f"{r['step_time_s']!r} s"),
            (percent(r["mfu"]), "MFU", f"{100 * r['mfu']!r}%"),
        ],
    )
    for finding in r["findings"]:
        st.error(sentence(finding.message))
    st.info(
        _("**Range.** {low} – {high}: {basis}.").format(
            low=show(reach["low"], "time", 3), high=show(reach["high"], "time", 3), basis=sentence(reach["basis"])
        ),
        icon=":material/straighten:",
    )
    memory = r["memory"]
    capacity = memory["usable_bytes"]
    room = _("of {n}").format(n=show(capacity, "byte", 3)) if capacity else ""
    whole = f"{r['tokens_per_s']:,.0f} /s " + _("in all")
    of_peak = _("of {peak}").format(peak=show(r["peak_flops_per_s"], "flop_per_s"))
    cards(
        [
            Card("HFU", percent(r["hfu"]), f"{100 * r['hfu']!r}%"),
            Card(_("Tokens/s per device"), f"{r['tokens_per_s_per_device']:,.1f}", "", whole),
            Card(_("Achieved per device"), show(r["achieved_flops_per_s_per_device"], "flop_per_s"), "", of_peak),
            Card(_("Memory"), show(memory["total_bytes"], "byte", 3), f"{memory['total_bytes']:,.0f} B", room),
            Card(_("Data parallel"), f"{r['inputs']['dp']:,}", "", f"ZeRO {r['inputs']['zero']}"),
        ]
    )
    if memory["fits"] is False:
        st.error(
            _(
                "This does not fit: the fullest device holds {total} of {capacity}. More sharding, stages or "
                "recomputation would free memory."
            ).format(total=show(memory["total_bytes"], "byte", 3), capacity=show(capacity, "byte", 3)),
            icon=":material/sd_card_alert:",
        )
    st.header(_("Where the step goes"), anchor=False)
    charts.waterfall(r["waterfall"], r["step_time_s"])
    st.header(_("Memory of the fullest device"), anchor=False)
    charts.memory(memory)
    _schedule(r["inputs"])
    with fold("assumed", _("What was assumed, and what is not modelled"), icon=":material/rule:") as drawn:
        if drawn:
            notes(r["assumptions"])
            st.caption(_("Not modelled:"))
            notes(r["not_modelled"])
    notes(r["warnings"])


def _fewest(form: Form, given: Mapping[str, Any]) -> None:
    """How few devices hold it, where somebody asks."""
    if not form.switch("fit"):
        return
    asked = {k: v for k, v in given.items() if k in asks(MemoryQuestion) and k not in ("devices", "dp")}
    try:
        found = memory(**asked, fit=True)
    except PlannerError as error:
        st.warning(refused(error), icon=":material/memory:")
        return
    assert found.fit is not None
    text = _("**{n}** devices hold it: {total} of {usable} on the fullest.")
    total, usable = show(found.total_bytes, "byte", 3), show(found.usable_bytes, "byte", 3)
    st.info(text.format(n=f"{found.inputs['devices']:,}", total=total, usable=usable), icon=":material/memory:")
    notes(found.assumptions[-1:])


def _schedule(inputs: Mapping[str, Any]) -> None:
    stages, virtual = inputs["pp"], inputs["vpp"]
    if stages == 1:
        return
    count = inputs["global_batch"] // (inputs["dp"] * inputs["micro_batch"])
    wanted = {"stages": stages, "micro_batches": count, "virtual": virtual}
    drawn = {name: min(value, _DRAWN[name]) for name, value in wanted.items()}
    try:
        picture = schedule(**drawn)
    except PlannerError as error:
        st.caption(refused(error))
        return
    st.header(_("The pipeline's schedule"), anchor=False)
    said = _(
        "{p} stages, {m} micro-batches, {v} chunks each; a backward pass takes two forward passes; gaps are the bubble."
    )
    text = said.format(p=picture.stages, m=picture.micro_batches, v=picture.virtual)
    if drawn != wanted:
        more = _("Drawn smaller than the layout ({p} stages, {m} micro-batches, {v} chunks).")
        text += " " + more.format(p=stages, m=count, v=virtual)
    st.caption(text)
    charts.pipeline(picture)
