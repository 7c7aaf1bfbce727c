"""Diagnose: where the time goes, why, what to change first, and what that would gain."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

import streamlit as st

from mfu_planner import diagnose
from mfu_planner.answers.verdict import PLACES
from mfu_planner.diagnosis import Diagnosis
from mfu_planner.diagnosis.causes import FIVE
from mfu_planner.diagnosis.combining import unchanged
from mfu_planner.diagnosis.result import Combined
from mfu_planner.errors import PlannerError
from mfu_planner.hardware._own import in_use
from mfu_planner.questions.command import command_of
from mfu_planner.questions.question import asks
from mfu_planner.report.human import percent
from mfu_planner.ui.cards import Card, cards, heading, hero, notes, sheet, table
from mfu_planner.ui.charts import diagnose as charts
from mfu_planner.ui.fold import fold
from mfu_planner.ui.form import Form
from mfu_planner.ui.keep import keep_button
from mfu_planner.ui.layout import layout_fields, rare_layout_fields
from mfu_planner.ui.numbers import show
from mfu_planner.ui.query import to_query
from mfu_planner.ui.refusal import sentence
from mfu_planner.ui.share import Taken, as_python, take_along
from mfu_planner.ui.subject import hardware_fields, model_fields, shown
from mfu_planner.ui.text import N_, _, said
from mfu_planner.ui.uploads import LARGEST_LOG, LARGEST_TRACE, as_file

_WAYS = {
    "step": N_("step time"),
    "device": N_("tokens/s per device"),
    "mfu": N_("an MFU"),
    "log": N_("a log"),
    "trace": N_("a trace"),
}
_FIELD = {"step": "step_time", "device": "tokens_per_second_per_device", "mfu": "mfu"}
_LARGEST = {"log": LARGEST_LOG, "trace": LARGEST_TRACE}
_FILE = {"log": "train.log", "trace": "trace.json"}
_FRAMEWORKS = ("unknown", "megatron-lm", "nemo", "torchtitan", "nanotron", "maxtext", "deepspeed", "pytorch")
_KNOWN = ("gpu_utilisation", "loader_wait", "loader_workers", "slowest_rank")
_SWITCHES = 6
_AGREE = 0.05
"""Up to which the steps that were observed and predicted are of one batch."""
_FIRST = 4
"""Changes that stand in sight: an answer fits two screens."""


def page() -> None:
    """Draw the page."""
    heading(
        _("Diagnose a run"),
        _("Why is the MFU low, and what should change first? From a throughput, a log or a profiler trace."),
    )
    asked, answer = sheet()
    with asked:
        form, upload = _fields()
    with answer:
        if upload is None and not any(form.given.get(name) for name in _FIELD.values()):
            st.info(_("Say among the fields what you observed."), icon=":material/edit:")
            return
        try:
            with st.spinner(_("Looking for the causes …")):
                result = _diagnose(form, upload)
        except PlannerError as error:
            form.blame(error)
            return
        _answer(result)
        _what_if(result, lambda numbers: _diagnose(form, upload, numbers).combined)
        _causes(result)
        _actions(result)
        _remarks(result)
        given = shown(form.given)
        files = {} if upload is None else {upload[0]: _FILE[upload[0]]}
        take_along("diagnosis", lambda: _taken(result, given | files), without=_left_out(upload))
        if result.mfu is not None and result.mfu <= 1:
            keep_button(mfu=f"{100 * result.mfu:.6g}%")


def _left_out(upload: tuple[str, Any] | None) -> list[str]:
    """What of the question no address can hold."""
    return [] if upload is None else [_("the log") if upload[0] == "log" else _("the trace")]


def _taken(d: Diagnosis, given: dict[str, Any]) -> Taken:
    rows = [a.model_dump() for a in d.actions]
    return Taken(command_of("diagnose", given), as_python("diagnose", given), d.as_json(), rows=rows)


def _fields() -> tuple[Form, tuple[str, Any] | None]:
    upload = None
    with st.container(border=True):
        way = Form("diagnose").labelled("seen", _WAYS)
        form = Form("diagnose", evidence=way not in _FIELD)
        if way in _FIELD:
            form.text(_FIELD[way], default="7.5s" if way == "step" else None)
        else:
            text = _("Drop a training log") if way == "log" else _("Drop a trace of torch.profiler (.json, .json.gz)")
            dropped = st.file_uploader(text, key=f"{way}_diagnosed", max_upload_size=64)
            upload = None if dropped is None else (way, dropped)
    with st.container(border=True):
        model_fields(form, convention=False)
        hardware_fields(form)
        left, right = st.columns(2)
        with left:
            form.text("devices")
        with right:
            form.text("global_batch")
    with st.expander(_("Layout"), expanded=True):
        layout_fields(form)
        rare_layout_fields(form)
        form.proposals()
    with form.folded("known", _("What else do you know?"), (*_KNOWN, "compile", "framework")) as drawn:
        if drawn:
            _known(form)
    observed = (name for name, asked in asks(form.question).items() if asked.ask.group == "Observed")
    form.rest(without=observed)
    return form, upload


def _known(form: Form) -> None:
    for first, second in (_KNOWN[:2], _KNOWN[2:]):
        left, right = st.columns(2)
        with left:
            form.text(first)
        with right:
            form.text(second)
    left, right = st.columns(2)
    with left:
        form.draw("compile")
    with right:
        chosen = form.choice("framework", _FRAMEWORKS)
        form.put("framework", None if chosen == "unknown" else chosen)


@st.cache_data(max_entries=32, ttl=3600, show_spinner=False)
def _of_file(digest: str, own: Any, way: str, given: dict[str, Any], _file: Any) -> Diagnosis:  # noqa: ARG001  two are the key
    with as_file(_file, _LARGEST[way], way, _FILE[way]) as path:
        return diagnose(**given, **{way: str(path)})


def _diagnose(form: Form, upload: tuple[str, Any] | None, apply: tuple[int, ...] = ()) -> Diagnosis:
    given = {**form.given, "apply": list(apply)} if apply else form.given
    if upload is None:
        return diagnose(**given)
    way, file = upload
    return _of_file(hashlib.sha256(file.getvalue()).hexdigest(), in_use(), way, given, file)


def _answer(d: Diagnosis) -> None:
    big = [] if d.mfu is None else [(percent(d.mfu), "MFU", f"{100 * d.mfu!r}%")]
    if d.predicted_mfu is not None:
        big.append((percent(d.predicted_mfu), _("expected of this layout"), f"{100 * d.predicted_mfu!r}%"))
    hero(said(d.answer), big)
    found = []
    if d.step_time_s is not None:
        found.append(Card(_("Step time"), show(d.step_time_s, "time", 3), f"{d.step_time_s!r} s"))
    if d.predicted_step_time_s is not None:
        ratio, x = "", d.observed_over_predicted
        if x is not None:
            whole = d.step_time_s is None or abs(d.step_time_s / d.predicted_step_time_s / x - 1) < _AGREE
            text = (
                _("observed: {x:.2f} times that") if whole else _("of the assumed batch; each token took {x:.2f} times")
            )
            ratio = text.format(x=x)
        found.append(Card(_("Predicted step"), show(d.predicted_step_time_s, "time", 3), "", ratio))
    if d.tokens_per_s_per_device is not None:
        found.append(Card(_("Tokens/s per device"), f"{d.tokens_per_s_per_device:,.1f}"))
    found.append(Card(_("Confidence"), _(_CONFIDENCE.get(d.confidence, d.confidence))))
    if d.verdict is not None:
        typical = percent(d.verdict.similar_typical)
        found.append(Card(_("Similar runs, typically"), typical, more=_(PLACES[d.verdict.place])))
    if d.gap_cost_usd_per_day:
        found.append(Card(_("The gap costs a day"), f"${d.gap_cost_usd_per_day:,.0f}", more=_("to the typical one")))
    cards(found)


_CONFIDENCE = {"high": N_("high"), "medium": N_("medium"), "low": N_("low")}


def _what_if(d: Diagnosis, together: Callable[[tuple[int, ...]], Combined | None]) -> None:
    if not d.waterfall:
        return
    st.header(_("Where the time goes, and what if …"), anchor=False)
    chosen: list[int] = []
    if d.actions:
        with st.container(border=True):
            st.caption(_("Switch changes on and watch the waterfall; several are one prediction of the changed run."))
            offered = [(n, a) for n, a in enumerate(d.actions) if a.kind != "measure"]
            for number, action in offered[:_SWITCHES]:
                label = f"{sentence(action.change)} (**+{percent(action.gain, 0)}**)"
                if st.toggle(label, key=f"what-if-{action.change}-{number}", persist_state="session"):
                    chosen.append(number + 1)
    found = (together(tuple(chosen)) if chosen else None) or unchanged(d)
    for left in found.excluded:
        st.info(sentence(f"{left.change}: {left.because}"), icon=":material/block:")
    if found.fits is False:
        st.warning(_("Together these changes do not fit the device's memory."), icon=":material/memory:")
    elif chosen and found.predicted_mfu is not None:
        text = _("After these changes: **{mfu}** MFU, {more} faster.")
        st.success(
            text.format(mfu=percent(found.predicted_mfu), more=percent(1 / found.time - 1, 0)),
            icon=":material/trending_up:",
        )
    charts.waterfall(found, changed=bool(chosen))


def _causes(d: Diagnosis) -> None:
    causes = [f for f in d.findings if f.code.startswith("cause/")]
    others = [f for f in d.findings if not f.code.startswith("cause/")]
    for finding in others:
        draw = {"error": st.error, "warning": st.warning}.get(finding.severity, st.info)
        draw(sentence(finding.message))
    if not causes:
        return
    st.header(_("The causes, the largest first"), anchor=False)
    rows = []
    for f in causes:
        name, why = re.split("：|: ", said(f.message), maxsplit=1)
        slug = f.code.removeprefix("cause/")
        named = (name, _lesson(slug)) if slug in FIVE else name
        rows.append((named, percent(f.share), _(_CONFIDENCE.get(f.confidence or "", f.confidence or "–")), why))
    table((_("cause"), _("of the time"), _("confidence"), _("evidence")), rows, prose=True)
    if d.deciding_measurement is not None:
        m = d.deciding_measurement
        text = _("What tells {a} from {b}: {what}.")
        a, b = map(sentence, m.between)
        st.info(text.format(a=a, b=b, what=sentence(m.measurement)), icon=":material/experiment:")


def _lesson(slug: str) -> str:
    """The address of the lesson on a cause, in the page's language and with the run's own model and hardware."""
    kept = {k: st.query_params[k] for k in ("model", "config", "hardware", "devices", "lang") if k in st.query_params}
    return f"/learn?{to_query(kept)}#{slug}"


def _actions(d: Diagnosis) -> None:
    if not d.actions:
        return
    st.header(_("What to do"), anchor=False)
    for measure in (a for a in d.actions if a.kind == "measure"):
        st.info(f"{_('Measure first')}: {sentence(measure.change)}", icon=":material/experiment:")
    fits = {True: _("yes"), False: _("no"), None: "–"}
    rows = [
        (
            a.change,
            f"+{percent(a.gain)}",
            percent(a.predicted_mfu),
            "–" if a.saves_usd_per_day is None else f"${a.saves_usd_per_day:,.0f}",
            _(_KIND[a.kind]),
            _(_EFFORT.get(a.effort, a.effort)),
            fits[a.fits],
            a.risk,
        )
        for a in d.actions
        if a.kind != "measure"
    ]
    heads = (_("change"), _("gain"), _("MFU then"), _("saves a day"), _("kind"), _("effort"), _("fits"), _("risk"))
    table(heads, rows[:_FIRST], prose=True)
    if rows[_FIRST:]:
        with fold("more-changes", _("{n} more changes").format(n=len(rows) - _FIRST), icon=":material/list:") as drawn:
            if drawn:
                table(heads, rows[_FIRST:], prose=True)
    if d.stacked is not None and len(d.stacked.changes) > 1:
        text = _("The best {n} together: **{mfu}** MFU, {gain} faster.")
        s = d.stacked
        st.success(text.format(n=len(s.changes), mfu=percent(s.predicted_mfu), gain=percent(s.gain, 0)))


_KIND = {
    "fix": N_("a fix"),
    "other-hardware": N_("other hardware"),
    "changes-the-experiment": N_("changes the experiment"),
}
_EFFORT = {"low": N_("low: a flag"), "medium": N_("medium: some code"), "high": N_("high: a project")}


def _remarks(d: Diagnosis) -> None:
    notes((*d.warnings, *d.assumptions))
    if d.not_known:
        with fold("sharpen", _("What would sharpen this diagnosis"), icon=":material/help:") as drawn:
            if drawn:
                notes(d.not_known)
