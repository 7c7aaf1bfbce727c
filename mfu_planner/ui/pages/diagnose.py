"""Diagnose: where the time goes, why, what to change first, and what that would gain."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import streamlit as st

from mfu_planner import diagnose
from mfu_planner.answers.verdict import PLACES
from mfu_planner.diagnosis import Diagnosis
from mfu_planner.diagnosis.combining import unchanged
from mfu_planner.diagnosis.result import Combined
from mfu_planner.errors import PlannerError
from mfu_planner.hardware._own import in_use
from mfu_planner.questions.command import command_of
from mfu_planner.questions.question import asks
from mfu_planner.report.human import percent
from mfu_planner.ui.cards import Card, cards, heading, hero, notes, table
from mfu_planner.ui.charts import diagnose as charts
from mfu_planner.ui.form import Form
from mfu_planner.ui.layout import layout_fields, rare_layout_fields
from mfu_planner.ui.numbers import show
from mfu_planner.ui.share import as_python, take_along
from mfu_planner.ui.subject import hardware_fields, model_fields, shown
from mfu_planner.ui.text import N_, _, plain
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
_SWITCHES = 6


def page() -> None:
    """Draw the page."""
    heading(
        _("Diagnose a run"),
        _("Why is the MFU low, and what should change first? From a throughput, a log or a profiler trace."),
    )
    asked, answer = st.columns([5, 9], gap="large")
    with asked:
        form, upload = _fields()
    with answer:
        if upload is None and not any(form.given.get(name) for name in _FIELD.values()):
            st.info(_("Say on the left what you observed."), icon=":material/edit:")
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
        command, python = command_of("diagnose", given | files), as_python("diagnose", given | files)
        take_along("diagnosis", command, python, result.as_json(), rows=[a.model_dump() for a in result.actions])


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
    with st.expander(_("What else do you know?")):
        for first, second in (("gpu_utilisation", "loader_wait"), ("loader_workers", "slowest_rank")):
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
    observed = (name for name, asked in asks(form.question).items() if asked.ask.group == "Observed")
    form.rest(without=observed)
    return form, upload


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
    hero(d.answer, big)
    found = []
    if d.step_time_s is not None:
        found.append(Card(_("Step time"), show(d.step_time_s, "time", 3), f"{d.step_time_s!r} s"))
    if d.predicted_step_time_s is not None:
        ratio = ""
        if d.observed_over_predicted is not None:
            ratio = _("observed: {x:.2f} times that").format(x=d.observed_over_predicted)
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
                label = f"{action.change} (**+{percent(action.gain, 0)}**)".replace("~", "\\~").replace("$", "\\$")
                if st.toggle(label, key=f"what-if-{action.change}-{number}", persist_state="session"):
                    chosen.append(number + 1)
    found = (together(tuple(chosen)) if chosen else None) or unchanged(d)
    for left in found.excluded:
        st.info(plain(f"{left.change}: {left.because}"), icon=":material/block:")
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
        draw(plain(finding.message))
    if not causes:
        return
    st.header(_("The causes, the largest first"), anchor=False)
    rows = []
    for f in causes:
        name, _colon, why = f.message.partition(": ")
        rows.append((name, percent(f.share), _(_CONFIDENCE.get(f.confidence or "", f.confidence or "–")), why))
    table((_("cause"), _("of the time"), _("confidence"), _("evidence")), rows, prose=True)
    if d.deciding_measurement is not None:
        m = d.deciding_measurement
        text = _("What tells {a} from {b}: {what}.").format(a=m.between[0], b=m.between[1], what=m.measurement)
        st.info(text, icon=":material/experiment:")


def _actions(d: Diagnosis) -> None:
    if not d.actions:
        return
    st.header(_("What to do"), anchor=False)
    for measure in (a for a in d.actions if a.kind == "measure"):
        st.info(plain(f"{_('Measure first')}: {measure.change}"), icon=":material/experiment:")
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
    table(heads, rows, prose=True)
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
        with st.expander(_("What would sharpen this diagnosis"), icon=":material/help:"):
            notes(d.not_known)
