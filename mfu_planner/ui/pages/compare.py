"""Compare: saved scenarios side by side, kept in the address and in a file of the user's; nothing on a server."""

from __future__ import annotations

import json

import streamlit as st

from mfu_planner.answers.plan import Plan
from mfu_planner.errors import InputError, PlannerError
from mfu_planner.report.human import percent
from mfu_planner.ui.cards import heading, table
from mfu_planner.ui.charts import compare as charts
from mfu_planner.ui.fields import FIELDS
from mfu_planner.ui.keep import MOST, plan_of, saved
from mfu_planner.ui.numbers import show
from mfu_planner.ui.query import from_query
from mfu_planner.ui.text import _, plain
from mfu_planner.ui.uploads import LARGEST_CONFIG, small_text
from mfu_planner.units import KWH

_KEY = "s"


def page() -> None:
    """Draw the page."""
    heading(
        _("Compare scenarios"),
        _("Scenarios kept on the Plan page, side by side. They live in this page's address: copy it to share them."),
    )
    _from_url()
    _files()
    kept = saved()
    if kept:
        st.query_params[_KEY] = kept
    elif _KEY in st.query_params:
        del st.query_params[_KEY]
    if not kept:
        st.info(
            _("Nothing kept yet: on the Plan page, “Keep to compare” puts a scenario here."), icon=":material/bookmark:"
        )
        return
    plans: list[tuple[str, Plan]] = []
    for number, query in enumerate(list(kept), 1):
        _row(number, query, plans)
    if plans:
        _table(plans)
        charts.time_and_cost([(name, p.training_time_s, p.cost_usd) for name, p in plans])


def _from_url() -> None:
    for query in st.query_params.get_all(_KEY)[:MOST]:
        if query not in saved() and not st.session_state.get("compare-seen"):
            saved().append(query)
    st.session_state["compare-seen"] = True


def _files() -> None:
    with st.expander(_("Files"), icon=":material/save:"):
        text = json.dumps({"schema_version": 1, "scenarios": [from_query(q) for q in saved()]}, indent=1)
        st.download_button(
            _("Save to a file"),
            text,
            "scenarios.json",
            "application/json",
            on_click="ignore",
            icon=":material/download:",
        )
        dropped = st.file_uploader(_("Open a file of scenarios"), type=["json"], key="scenarios_file")
        if dropped is None or st.session_state.get("scenarios-seen") == dropped.file_id:
            return
        st.session_state["scenarios-seen"] = dropped.file_id
        try:
            found = _read(small_text(dropped, LARGEST_CONFIG, "scenarios"))
        except InputError as error:
            st.error(plain(error))
            return
        st.session_state["saved"] = found


def _read(text: str) -> list[str]:
    from mfu_planner.ui.query import to_query

    accepted = "a file that this page has saved"
    try:
        data = json.loads(text)
        rows = data["scenarios"]
        return [to_query({str(k): str(v) for k, v in row.items()}) for row in rows[:MOST]]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise InputError("scenarios", "a file of another kind", accepted) from None


def _row(number: int, query: str, plans: list[tuple[str, Plan]]) -> None:
    fields = from_query(query)
    left, right = st.columns([3, 1], vertical_alignment="center")
    name = f"{number}. {_field(fields, 'model')} · {_field(fields, 'devices') or '?'} × {_field(fields, 'hardware')}"
    with left:
        try:
            plans.append((name, plan_of(fields)))
        except PlannerError as error:
            st.error(plain(f"{name}: {error}"))
        st.markdown(f"**[{plain(name)}](/?{query})**" if query else f"**[{plain(name)}](/)**")
    with right:
        st.button(
            "",
            icon=":material/delete:",
            key=f"drop-{number}",
            help=_("Remove"),
            on_click=saved().remove,
            args=(query,),
            type="tertiary",
        )


def _field(fields: dict[str, str], name: str) -> str:
    return fields.get(name, FIELDS[name].default)


def _table(plans: list[tuple[str, Plan]]) -> None:
    lines = [
        [_("training time"), *(show(p.training_time_s, "time", 4) for _n, p in plans)],
        [_("cost"), *(show(p.cost_usd, "usd", 4) for _n, p in plans)],
        [_("device-hours"), *(show(p.device_hours, "count", 4) for _n, p in plans)],
        [_("energy"), *(_energy(p) for _n, p in plans)],
        [_("devices"), *(f"{p.devices:,}" for _n, p in plans)],
        [_("tokens"), *(show(p.tokens, "count", 4) for _n, p in plans)],
        ["MFU", *(percent(p.mfu_used) for _n, p in plans)],
        [_("tokens/s per device"), *(f"{p.tokens_per_s_per_device:,.1f}" for _n, p in plans)],
        [_("total work"), *(show(p.total_flops, "flop", 3) for _n, p in plans)],
        [_("convention"), *(p.convention for _n, p in plans)],
    ]
    table(["", *(name for name, _p in plans)], lines)


def _energy(p: Plan) -> str:
    return show(None if p.energy_kwh is None else p.energy_kwh * KWH, "energy", 3)
