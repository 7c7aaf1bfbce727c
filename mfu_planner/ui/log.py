"""A dropped or pasted training log: fields and answer."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import Any

import streamlit as st

from mfu_planner.errors import InputError, PlannerError
from mfu_planner.hardware._own import in_use
from mfu_planner.observe.logs import LogReport, read_log
from mfu_planner.questions.command import command_of
from mfu_planner.questions.evidence import LogQuestion
from mfu_planner.questions.question import asks
from mfu_planner.report.human import percent
from mfu_planner.ui.cards import Card, cards, hero, notes, table
from mfu_planner.ui.form import Form
from mfu_planner.ui.layout import named
from mfu_planner.ui.numbers import show
from mfu_planner.ui.refusal import refused, sentence
from mfu_planner.ui.share import Taken, code, take_along
from mfu_planner.ui.subject import shown
from mfu_planner.ui.text import _, said
from mfu_planner.ui.uploads import LARGEST_LOG, bounded


@dataclass(frozen=True, slots=True)
class Log:
    """A log's bytes and what tells it from others."""

    name: str
    data: bytes
    digest: str


def log_fields(form: Form) -> Log | None:
    """A place to drop or paste a log, and what it may not say."""
    dropped = st.file_uploader(_("Drop a training log"), key="log_file", max_upload_size=64)
    pasted = st.text_area(
        _("or paste some lines"),
        key="log_text",
        height=120,
        max_chars=2_000_000,
        persist_state="session",
        placeholder="step: 20  loss: 9.07  tps: 7,663  tflops: 443.78  mfu: 44.87%",
    )
    left, right = st.columns(2)
    with left:
        form.text("devices")
    with right:
        form.text("global_batch", default="")
    if dropped is not None:
        try:
            data = bounded(dropped, LARGEST_LOG, "log").getvalue()
        except PlannerError as error:
            st.error(refused(error))
            return None
        return Log(dropped.name, data, hashlib.sha256(data).hexdigest())
    text = (pasted or "").encode()
    return Log(_("pasted text"), text, hashlib.sha256(text).hexdigest()) if text.strip() else None


@st.cache_data(max_entries=64, ttl=3600, show_spinner=False)
def _read(digest: str, own: Any, given: dict[str, Any], _data: bytes) -> LogReport:  # noqa: ARG001  two are the key
    return read_log(io.BytesIO(_data), **given)


def read_dropped(log: Log, given: dict[str, Any]) -> LogReport:
    """The report of a log; the same log with the same fields is read once."""
    used = {k: v for k, v in given.items() if k in asks(LogQuestion) and k != "column"}
    if text := given.get("column"):
        pairs = [part.strip().partition("=") for part in str(text).split(",")]
        if not all(equals and name for _meant, equals, name in pairs):
            raise InputError("column", text, "time=NAME,tokens=NAME")
        used["columns"] = {meant: name for meant, _equals, name in pairs}
    return _read(log.digest, in_use(), used, log.data)


def log_answer(log: Log | None, form: Form) -> None:
    """What the log says, or why it says nothing."""
    if log is None:
        st.info(
            _(
                "Drop or paste a log among the fields. Megatron-LM, torchtitan, MaxText, NeMo, DeepSpeed, "
                "Hugging Face, nanoGPT, llm.c and others are told apart by their content. "
                "Nothing is kept on the server."
            ),
            icon=":material/description:",
        )
        return
    try:
        with st.spinner(_("Reading the log …")):
            report = read_dropped(log, form.given)
    except PlannerError as error:
        form.blame(error)
        return
    show_log(report)
    given = {k: v for k, v in shown(named(form.given)).items() if k in asks(LogQuestion) or k == "specs"}
    python = code("from mfu_planner import read_log", "report = read_log('train.log')")
    take_along(
        "log",
        lambda: Taken(command_of("log train.log", given), python, report.model_dump(mode="json")),
        without=[_("the log")],
    )


def show_log(r: LogReport) -> None:
    """Throughput, MFU and findings of a log."""
    read = _("{steps:,} steps of a {format} log; figures over the steady window of {n:,} records.")
    big = [(percent(r.mfu), "MFU", said(r.mfu_source or ""))] if r.mfu is not None else []
    if r.tokens_per_s is not None:
        big.append((f"{r.tokens_per_s:,.0f}", _("tokens/s"), said(r.origins.get("tokens_per_s", ""))))
    if not big and r.step_time_s is not None:
        big.append((show(r.step_time_s, "time", 3), _("per step"), ""))
    hero(read.format(steps=r.steps, format=r.format, n=r.window.records), big)
    found = [
        (_("Step time"), show(r.step_time_s, "time"), "step_time_s"),
        (_("Tokens/s per device"), _number(r.tokens_per_s_per_device), "tokens_per_s_per_device"),
        (_("Tokens per step"), show(r.tokens_per_step, "count"), "tokens_per_step"),
        (_("Devices"), _number(r.devices), "devices"),
        (_("Sequence length"), _number(r.seq_len), "seq_len"),
        (_("Achieved per device"), show(r.achieved_flops_per_s_per_device, "flop_per_s"), ""),
        (_("MFU as reported"), percent(r.reported.mfu), ""),
        (_("Tokens left"), show(r.remaining_tokens, "count", 3), "remaining_tokens"),
        (_("Time left"), show(r.remaining_s, "time", 3), "remaining_s"),
        (_("Device-hours left"), _number(r.remaining_device_hours), "remaining_device_hours"),
        (_("Cost of the rest"), show(r.remaining_cost_usd, "usd", 3), "remaining_cost_usd"),
        ("HFU", percent(r.hfu), ""),
    ]
    cards(
        Card(label, value, r.origins.get(key, ""), r.origins.get(key, ""))
        for label, value, key in found
        if value != "–"
    )
    _phases(r)
    for finding in r.findings:
        draw = {"error": st.error, "warning": st.warning}.get(finding.severity, st.info)
        draw(sentence(finding.message))
    told = {f.message for f in r.findings}
    notes(w for w in r.warnings if w not in told)
    if r.window.dropped:
        with st.expander(_("Records left out")):
            table((_("reason"), _("records")), [(k, f"{v:,}") for k, v in r.window.dropped.items()])
            st.caption(sentence(r.window.rule))


def _phases(r: LogReport) -> None:
    """The parts of a step of reinforcement learning, and the runs of steps between restarts."""
    if r.phases:
        st.header(_("Phases of a step"), anchor=False)
        heads = (_("phase"), _("seconds per step"), _("of the step"), _("tokens per step"), "MFU")
        rows = [
            (said(p.name), f"{p.seconds_per_step:,.4g}", percent(p.share), _number(p.tokens_per_step), percent(p.mfu))
            for p in r.phases
        ]
        table(heads, rows)
    if len(r.segments) > 1:
        st.header(_("Parts of the log"), anchor=False)
        columns = (_("steps"), _("records"), _("Step time"), _("tokens/s"), _("devices"), _("begun by"))
        parts = [
            (
                f"{_number(s.first_step)} – {_number(s.last_step)}",
                f"{s.records:,}",
                show(s.step_time_s, "time", 3),
                _number(s.tokens_per_s),
                _number(s.devices),
                s.why or "–",
            )
            for s in r.segments
        ]
        table(columns, parts)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}".removesuffix(".0")
