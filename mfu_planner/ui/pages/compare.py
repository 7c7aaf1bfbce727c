"""Compare: saved scenarios side by side, kept in the address and in a file of the user's; nothing on a server."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import streamlit as st

from mfu_planner.answers.planned import Plan
from mfu_planner.errors import InputError, PlannerError
from mfu_planner.report.human import percent
from mfu_planner.ui.cards import heading, table
from mfu_planner.ui.charts import compare as charts
from mfu_planner.ui.keep import MOST, NAME, differing, named, plan_of, saved
from mfu_planner.ui.numbers import show
from mfu_planner.ui.query import from_query, to_query
from mfu_planner.ui.refusal import refused
from mfu_planner.ui.text import _, plain
from mfu_planner.ui.uploads import LARGEST_CONFIG, small_text
from mfu_planner.units import KWH

_KEY = "s"
_EXAMPLE: tuple[dict[str, str], ...] = (
    {NAME: "H100"},
    {NAME: "B200", "hardware": "b200"},
    {NAME: "MI300X", "hardware": "mi300x"},
)


def page() -> None:
    """Draw the page."""
    heading(
        _("Compare scenarios"),
        _("Scenarios kept on other pages, side by side. They live in this page's address: copy it to share them."),
    )
    _from_url()
    _files()
    kept = saved()
    if kept:
        st.query_params[_KEY] = kept
    elif _KEY in st.query_params:
        del st.query_params[_KEY]
    if not kept:
        _nothing()
        return
    fields = [from_query(query) for query in kept]
    plans: list[tuple[str, Plan]] = []
    for number, (query, name) in enumerate(zip(list(kept), named(fields), strict=True)):
        _row(number, query, name, plans)
    _differences(fields)
    if plans:
        _table(plans)
        charts.time_and_cost([(name, p.training_time_s, p.cost_usd) for name, p in plans])


def _nothing() -> None:
    st.info(
        _("Nothing kept yet: “Keep to compare” on the pages Plan, Measure, Diagnose and Layout puts a scenario here."),
        icon=":material/bookmark:",
    )
    st.button(
        _("Show an example"),
        icon=":material/lightbulb:",
        on_click=lambda: saved().extend(to_query(fields) for fields in _EXAMPLE),
        help=_("The demo's run on three accelerators."),
    )


def _differences(kept: Sequence[Mapping[str, str]]) -> None:
    found = differing(kept)
    if len(kept) > 1 and found:
        st.header(_("What differs"), anchor=False)
        table([_("field"), *named(kept)], [[field, *values] for field, values in found])


def _from_url() -> None:
    for told in st.query_params.get_all(_KEY)[:MOST]:
        query = to_query(from_query(told))  # as this page writes it: what else stands there would end its link
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
            st.error(refused(error))
            return
        st.session_state["saved"] = found


def _read(text: str) -> list[str]:
    try:
        data = json.loads(text)
        rows = data["scenarios"]
        return [to_query({str(k): str(v) for k, v in row.items()}) for row in rows[:MOST]]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise InputError("scenarios", "a file of another kind", "a file that this page has saved") from None


def _row(number: int, query: str, name: str, plans: list[tuple[str, Plan]]) -> None:
    fields = from_query(query)
    left, middle, right = st.columns([5, 4, 1], vertical_alignment="center")
    asked = to_query({k: v for k, v in fields.items() if k != NAME})
    with left:
        try:
            plans.append((name, plan_of(fields)))
        except PlannerError as error:
            st.error(f"{plain(name)}: {refused(error)}")
        st.markdown(f"**[{plain(name)}](/?{asked})**" if asked else f"**[{plain(name)}](/)**")
    with middle:
        st.text_input(
            _("Name"),
            value=fields.get(NAME, ""),
            key=f"name-{number}-{asked}",
            placeholder=_("a name of your own"),
            label_visibility="collapsed",
            max_chars=60,
            on_change=_rename,
            args=(number, f"name-{number}-{asked}"),
        )
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


def _rename(number: int, key: str) -> None:
    fields = {k: v for k, v in from_query(saved()[number]).items() if k != NAME}
    name = str(st.session_state[key]).strip()
    saved()[number] = to_query(fields | ({NAME: name} if name else {}))


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
    table([_("figure"), *(name for name, _p in plans)], lines)


def _energy(p: Plan) -> str:
    kwh = p.energy_kwh if p.energy_total_kwh is None else p.energy_total_kwh
    return show(None if kwh is None else kwh * KWH, "energy", 3)
