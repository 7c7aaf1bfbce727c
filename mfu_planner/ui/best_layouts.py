"""The best layouts of the page's model and devices: the search, and a row of it put in the form."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import streamlit as st

from mfu_planner.answers.suggest import fewer_and_more
from mfu_planner.errors import InputError, NoAnswer, PlannerError
from mfu_planner.hardware._own import in_use
from mfu_planner.questions.layouts import PredictQuestion, SearchQuestion
from mfu_planner.questions.question import asks
from mfu_planner.questions.runs import PlanQuestion
from mfu_planner.report.human import percent
from mfu_planner.searching.search import search
from mfu_planner.ui.cards import notes
from mfu_planner.ui.charts import layout as charts
from mfu_planner.ui.fields import CHOSEN
from mfu_planner.ui.form import Form, shown_as
from mfu_planner.ui.layout import machines
from mfu_planner.ui.numbers import show
from mfu_planner.ui.refusal import refused
from mfu_planner.ui.text import _, said

_PATIENCE_S = 20
_MOST_CLOUDS = 6
_OF_ROW = "said-by-row"
"""Key of the session: what a chosen row named beside its degrees, where the form named none."""
_DECIDED = ("stack", "pipeline_embedding", "pipeline_loss")
"""What a search decides beside the degrees: the software, and whether a stage's ends count as layers."""
_MOST_DEVICES = 1_000_000
"""A stranger's search costs bounded time."""


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


def best_layouts(form: Form, given: dict[str, Any]) -> None:
    """The button, what the search shall mind, and the rows found.

    Parameters
    ----------
    form : the layout's.
    given : what it holds, as ``predict`` takes it.
    """
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
    for name, value in st.session_state.get(_OF_ROW, {}).items():  # the chosen row named it: the search is the same
        if question.get(name) == value:
            del question[name]
    question |= {"cluster": clouds, "rank": "cost"} if clouds else {}
    question |= {"tokens": tokens} if tokens else {}
    question |= _minded(form, given)
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
        st.error(refused(error))
        return
    counted = _("{n:,} layouts looked at in {t:.1f} s, {k:,} fit. Choose one to put it in the form.")
    st.caption(counted.format(n=found["evaluated"], t=found["elapsed_s"], k=found["feasible"]))
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
        losses = ", ".join(
            f"{said(r['name'].replace('_', ' '))} {percent(r['share'], 0)}" for r in simple["largest_losses"]
        )
        why = _("The obvious layout (TP {tp}, PP {pp}, full recomputation) takes {t}, {more} longer: {losses}.")
        more, step = percent(simple["slower_by"], 0), show(simple["step_time_s"], "time", 3)
        st.caption(why.format(tp=simple["tp"], pp=simple["pp"], t=step, more=more, losses=losses))
    if len({r["devices"] for r in rows}) > 1:
        charts.pareto(rows, [rows[i] for i in found["pareto"]])
    notes([*found["warnings"], *found["assumptions"]])


def _minded(form: Form, given: Mapping[str, Any]) -> dict[str, Any]:
    """What else the search is told: fields that stay as they are, what is best, whose prices."""
    varied = [name for name, asked in asks(SearchQuestion).items() if asked.ask.searched]
    held = form.several("held", varied, (), len(varied))
    inner = Form("search", beside=form)
    inner.rest(without=("tokens",), key="search-rest", said=_("What is best, by when, at whose price"))
    own = {k: v for k, v in inner.given.items() if k in asks(SearchQuestion) and k not in asks(PredictQuestion)}
    own.pop("tokens", None)
    return {name: given[name] for name in held if name in given} | own


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
    fields = fields_of_row(rows[chosen[0]])
    before = st.session_state.get(_OF_ROW, {})
    own = {n for n in _DECIDED if st.session_state.get(n) not in (None, "", CHOSEN, False, before.get(n))}
    st.session_state[_OF_ROW] = {n: fields[n] for n in _DECIDED if n not in own}
    st.session_state.update(fields)


def fields_of_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the form's fields hold where a row of a search is asked about: its question where it has one."""
    said = {**row, **(row.get("question") or {})}
    wanted = ("devices", "recompute_share", *_DECIDED)
    found = {
        name: shown_as(asked, said.get(name))
        for name, asked in asks(PredictQuestion).items()
        if asked.ask.searched or name in wanted
    }
    found["layout_recompute"] = said.get("recompute") or "none"
    del found["recompute"]
    return found
