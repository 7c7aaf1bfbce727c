"""Layout: one step predicted, with no target MFU given; and the best layouts found."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import streamlit as st

from mfu_planner.answers.predict import predict
from mfu_planner.answers.prediction import Prediction
from mfu_planner.answers.suggest import fewer_and_more
from mfu_planner.errors import InputError, NoAnswer, PlannerError
from mfu_planner.hardware._own import in_use
from mfu_planner.questions.command import command_of
from mfu_planner.questions.layouts import PredictQuestion, SearchQuestion
from mfu_planner.questions.question import asks
from mfu_planner.questions.runs import PlanQuestion
from mfu_planner.report.human import percent
from mfu_planner.searching.search import search
from mfu_planner.step.picture import schedule
from mfu_planner.ui.cards import Card, cards, heading, hero, notes
from mfu_planner.ui.charts import layout as charts
from mfu_planner.ui.derivation import derivation
from mfu_planner.ui.form import Form, shown_as
from mfu_planner.ui.layout import as_layout, layout_fields, machines, named, rare_layout_fields
from mfu_planner.ui.numbers import show
from mfu_planner.ui.share import as_python, take_along
from mfu_planner.ui.subject import hardware_fields, model_fields, shown
from mfu_planner.ui.text import _, plain

_DRAWN = {"stages": 16, "micro_batches": 32, "virtual": 4}
"""The largest schedule that a picture can show."""
_PATIENCE_S = 20
_MOST_CLOUDS = 6
_MOST_DEVICES = 1_000_000
"""A stranger's search costs bounded time."""


def page() -> None:
    """Draw the page."""
    heading(
        _("Layout"),
        _(
            "What MFU will a parallel layout reach? Predicted from the model, the hardware and the network; "
            "no target is given."
        ),
    )
    asked, answer = st.columns([5, 9], gap="large")
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
        with st.expander(_("Machine, optimizer, offload")):
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
            command, python = command_of("predict", shown(named(given))), as_python("predict", named(given))
            take_along("prediction", command, python, result.as_json(), rows=result["waterfall"])
            if st.toggle(_("Show every part as a formula"), help=_("Each part in letters, with the numbers put in.")):
                _formulas(predict(**given, explain=True))
        _search(form, given)


def _formulas(told: Prediction) -> None:
    """What the step depends on most, and the formulas of its parts."""
    first = [f"**{s['name']}** {s['exponent']:+.2f} ({s['meaning']})" for s in told.sensitivities[:3]]
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
    st.info(
        _("**Range.** {low} – {high}: {basis}.").format(
            low=show(reach["low"], "time", 3), high=show(reach["high"], "time", 3), basis=reach["basis"]
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
    with st.expander(_("What was assumed, and what is not modelled"), icon=":material/rule:"):
        notes(r["assumptions"])
        st.caption(_("Not modelled:"))
        notes(r["not_modelled"])
    notes(r["warnings"])


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
        st.caption(plain(error))
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


@st.cache_data(max_entries=64, ttl=3600, show_spinner=False)
def _found(key: str, own: Any) -> dict[str, Any]:  # noqa: ARG001  the own hardware is a part of the key
    question = json.loads(key)
    asked = question.get("devices")
    most = max(asked) if isinstance(asked, list) else (PlanQuestion.of({"devices": asked}).devices or 0)
    if most > _MOST_DEVICES:
        raise InputError("devices", most, f"at most {_MOST_DEVICES:,} for a search in the browser")
    end = time.monotonic() + _PATIENCE_S

    def look(done: int) -> None:
        if time.monotonic() > end:
            raise NoAnswer(
                f"the search looked at {done:,} layouts in {_PATIENCE_S} s and gave up: "
                "the command line takes as long as it needs, and fixing a flag there makes the space smaller"
            )

    return dict(search(progress=look, **question))


def _search(form: Form, given: dict[str, Any]) -> None:
    st.header(_("The best layouts"), anchor=False)
    free = {name for name, asked in asks(SearchQuestion).items() if not asked.ask.searched}
    question = {k: v for k, v in given.items() if k in free and k != "recompute_share"}
    if form.switch("other_devices"):
        question["devices"] = fewer_and_more(given.get("devices"))
    left, right = st.columns(2)
    with left:
        clouds = form.several("clouds", machines(str(given.get("hardware", ""))), (), _MOST_CLOUDS)
    with right:
        tokens = form.text("run_tokens")
    question |= {"cluster": clouds, "rank": "cost"} if clouds else {}
    question |= {"tokens": tokens} if tokens else {}
    key = json.dumps(question, sort_keys=True, default=str)
    text = _("Evaluates every TP × PP × VPP × CP × EP × DP × ZeRO × micro-batch × recomputation on the same devices.")
    if st.button(_("Search all layouts"), icon=":material/search:", help=text, type="primary"):
        st.session_state["searched"] = key
    if st.session_state.get("searched") != key:
        return
    try:
        with st.spinner(_("Looking at millions of layouts …"), show_time=True):
            found = _found(key, in_use())
    except PlannerError as error:
        st.error(plain(error))
        return
    said = _("{n:,} layouts looked at in {t:.1f} s, {k:,} fit. Choose one to put it in the form.")
    st.caption(said.format(n=found["evaluated"], t=found["elapsed_s"], k=found["feasible"]))
    rows = st.session_state["rows-searched"] = found["layouts"]
    st.dataframe(
        [_line(r) for r in rows],
        hide_index=True,
        on_select=lambda: _use(rows),
        selection_mode="single-row",
        key="search-table",
        alt=_("The best layouts, fastest first"),
    )
    simple = found["obvious"]
    if simple:
        losses = ", ".join(f"{r['name'].replace('_', ' ')} {percent(r['share'], 0)}" for r in simple["largest_losses"])
        why = _("The obvious layout (TP {tp}, PP {pp}, full recomputation) takes {t}, {more} longer: {losses}.")
        more, step = percent(simple["slower_by"], 0), show(simple["step_time_s"], "time", 3)
        st.caption(why.format(tp=simple["tp"], pp=simple["pp"], t=step, more=more, losses=losses))
    if len({r["devices"] for r in rows}) > 1:
        charts.pareto(rows, [rows[i] for i in found["pareto"]])
    notes(found["assumptions"])


def _line(r: Mapping[str, Any]) -> dict[str, Any]:
    whole = r["training_time_s"] is not None
    return {
        **({} if r["cluster"] is None else {_("machine"): r["cluster"], _("provider"): r["provider"]}),
        _("devices"): r["devices"],
        **{name.upper(): r[name] for name in ("tp", "pp", "vpp", "cp", "ep", "dp")},
        "ZeRO": r["zero"],
        _("micro-batch"): r["micro_batch"],
        _("recomputation"): r["recompute"],
        _("step (s)"): round(r["step_time_s"], 4),
        "MFU": percent(r["mfu"]),
        _("memory"): show(r["total_bytes"], "byte", 3),
        _("$ per device-hour"): r["price_usd_per_device_hour"],
        _("$ per step"): None if r["cost_usd_per_step"] is None else round(r["cost_usd_per_step"], 2),
        **({_("time"): show(r["training_time_s"], "time", 3)} if whole else {}),
        **({_("cost"): show(r["total_cost_usd"], "usd", 4)} if whole else {}),
    }


def _use(rows: list[dict[str, Any]]) -> None:
    """Put the chosen row in the form."""
    chosen = st.session_state["search-table"]["selection"]["rows"]
    if not chosen:
        return
    st.session_state.update(fields_of_row(rows[chosen[0]]))


def fields_of_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the form's fields hold where a row of a search is asked about: its question where it has one."""
    said = {**row, **(row.get("question") or {})}
    wanted = ("devices", "recompute_share", "stack")
    found = {
        name: shown_as(asked, said.get(name))
        for name, asked in asks(PredictQuestion).items()
        if asked.ask.searched or name in wanted
    }
    found["layout_recompute"] = said.get("recompute") or "none"
    del found["recompute"]
    return found
