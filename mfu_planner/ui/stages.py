"""A run in stages (context extension, several batch sizes): its fields, what stages of a file fill, and their table."""

from __future__ import annotations

from typing import Any

import streamlit as st

from mfu_planner.answers.planned import Plan
from mfu_planner.errors import InputError
from mfu_planner.facts import load_text
from mfu_planner.report.human import percent
from mfu_planner.ui.cards import table
from mfu_planner.ui.fields import FIELDS
from mfu_planner.ui.form import Form, wrong
from mfu_planner.ui.numbers import show
from mfu_planner.ui.refusal import refusal, refused
from mfu_planner.ui.text import _
from mfu_planner.ui.uploads import small_text

LARGEST_PLAN = 64 << 10
"""Bytes of a plan.yaml."""
_FILE, _TEXT = "plan_file", "stages"


def stage_fields(form: Form) -> None:
    """The stages as text, or from a plan.yaml whose other keys fill the fields of the page."""
    with form.folded("stages", _("Stages, and a plan.yaml"), (_TEXT,)) as drawn:
        if not drawn:
            return
        st.file_uploader(
            _("Drop a plan.yaml"), type=["yaml", "yml"], key=_FILE, on_change=_take, max_upload_size=1,
            help=_("Its keys fill the fields of this page, its stages the field below."),
        )  # fmt: skip
        if said := st.session_state.pop(_WRONG, None):
            st.error(said)
        field = FIELDS[_TEXT]
        typed = st.text_area(
            _(field.label), key=_TEXT, help=_(field.help), placeholder=field.placeholder, height=120,
            bind="query-params", max_chars=10_000,
        )  # fmt: skip
        place = st.empty()
    if not (typed or "").strip():
        return
    try:
        stages = _read(typed)
    except InputError as error:
        form.wrong[_TEXT] = refusal(error, beside=True)
        wrong(place, _TEXT, form.wrong[_TEXT])
        form.put(_TEXT, typed)
        return
    everywhere = set.intersection(*(set(stage) for stage in stages)) if stages else set()
    for name in everywhere | ({"tokens"} if any("tokens" in stage for stage in stages) else set()):
        form.put(str(name), None)
    form.put(_TEXT, [{k: str(v) for k, v in stage.items()} for stage in stages])


def _read(typed: str) -> list[dict[str, Any]]:
    stages = load_text(typed, _TEXT)
    if not isinstance(stages, list) or not all(isinstance(stage, dict) for stage in stages):
        raise InputError(_TEXT, typed, FIELDS[_TEXT].placeholder)
    return stages


def _held(file: Any) -> dict[str, Any]:
    held = load_text(small_text(file, LARGEST_PLAN, "plan.yaml"), "plan.yaml")
    if not isinstance(held, dict):
        raise InputError("plan.yaml", type(held).__name__, "the flags of mfu-planner plan as keys")
    return held


_WRONG = "plan-file-wrong"


def _take() -> None:
    """Fill the page's fields from a dropped file."""
    file = st.session_state.get(_FILE)
    if file is None:
        return
    try:
        held = _held(file)
    except InputError as error:
        st.session_state[_WRONG] = refused(error)
        return
    for key, value in held.items():
        name = str(key).replace("-", "_")
        if name in FIELDS and isinstance(value, str | int | float):
            st.session_state[name] = value if isinstance(value, bool) else str(value)
    if isinstance(stages := held.get(_TEXT), list):
        st.session_state[_TEXT] = "\n".join(f"- {_flow(stage)}" for stage in stages)


def _flow(stage: Any) -> str:
    import yaml

    return str(yaml.safe_dump(stage, default_flow_style=True, sort_keys=False, width=10_000)).strip()


def stage_table(p: Plan) -> None:
    """Each stage beside the others."""
    rows = [
        (
            str(n),
            show(s.tokens, "count", 4),
            "–" if s.seq_len is None else f"{s.seq_len:,}",
            f"{s.devices:,}",
            percent(s.mfu_used),
            show(s.training_time_s, "time", 3),
            show(s.cost_usd, "usd", 4),
        )
        for n, s in enumerate(p.stages, 1)
    ]
    heads = (_("stage"), _("tokens"), _("length"), _("devices"), "MFU", _("time"), _("cost"))
    st.header(_("Its stages"), anchor=False)
    table(heads, rows)
