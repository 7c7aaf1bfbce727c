"""Saved scenarios: kept in the browser's address, nothing on a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from mfu_planner.answers.foreseen import LAID_OUT as OF_A_STEP
from mfu_planner.answers.plan import Plan, plan
from mfu_planner.answers.suggest import typical_mfu
from mfu_planner.questions.model import parse_config
from mfu_planner.questions.question import asks
from mfu_planner.questions.runs import PlanQuestion
from mfu_planner.ui.fields import FIELDS, NOTHING
from mfu_planner.ui.form import without_empty
from mfu_planner.ui.layout import LAID_OUT
from mfu_planner.ui.query import flag_value, to_query
from mfu_planner.ui.subject import OWN_CONFIG, OWN_SIZE
from mfu_planner.ui.suggested import DEMO, first_value, is_demo
from mfu_planner.ui.text import _

SAVED = "saved"
MOST = 6
_OPENED = ("model", "hardware", "tokens", "devices", "mfu")
"""What the Plan page shows at first; its other fields are empty."""


def saved() -> list[str]:
    """The kept scenarios, each as a query string."""
    kept: list[str] = st.session_state.setdefault(SAVED, [])
    return kept


def keep_button(page: str) -> None:
    """A button that puts this page's fields beside the others kept."""
    if page != "plan":
        return
    full = len(saved()) >= MOST
    st.button(
        _("Keep to compare") + (f" ({len(saved())})" if saved() else ""),
        icon=":material/bookmark_add:",
        on_click=_keep,
        disabled=full,
        help=_("Puts this scenario on the Compare page; up to {n}.").format(n=MOST),
    )


def _keep() -> None:
    fields = {k: v for k, v in st.query_params.items() if k in FIELDS}
    text = to_query(fields)
    if text not in saved():
        saved().append(text)


def plan_of(fields: Mapping[str, str]) -> Plan:
    """The plan of a kept scenario: what the Plan page shows for the same address.

    Raises
    ------
    PlannerError
        The fields make no plan.
    """
    asked = {n: fields.get(n, FIELDS[n].default) for n in (*DEMO, *fields)}

    def at_first(name: str) -> str:
        return FIELDS[name].default if name in DEMO or is_demo(asked) else first_value(name, asked)

    stated = [n for n in asks(PlanQuestion) if n in FIELDS and n not in OF_A_STEP]
    filled = {n: fields.get(n, at_first(n) if n in _OPENED else "") for n in stated}
    given: dict[str, Any] = _chosen(filled)
    if given.get("model") == OWN_SIZE:
        del given["model"]
        given.setdefault("params", FIELDS["params"].default)
    elif given.get("model") == OWN_CONFIG:
        del given["model"]
        given["config"] = parse_config(fields.get("config", ""), "config.json")
    if given.get("model"):
        given.pop("params", None)
        given.pop("active_params", None)
    for name in given:
        if asks(PlanQuestion)[name].is_flag:
            given[name] = flag_value(str(given[name]))
    if fields.get("mfu_from") == "published":
        given.pop("mfu", None)
        given["mfu"] = typical_mfu(**given).typical
    elif fields.get("mfu_from") == "predicted":
        layout = {name: fields.get(name, at_first(name)) for name in ("global_batch", *LAID_OUT)}
        layout["recompute"] = fields.get("layout_recompute", "none")
        given.pop("mfu", None)
        given |= _chosen(layout) | {"predict": True}
    return plan(**without_empty(given))


def _chosen(fields: Mapping[str, str]) -> dict[str, Any]:
    """The fields in which something stands or is chosen."""
    return {name: value for name, value in without_empty(fields).items() if value not in NOTHING}
