"""Saved scenarios: kept in the browser's address, nothing on a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from mfu_planner.answers.plan import Plan, plan
from mfu_planner.answers.suggest import predicted_mfu, typical_mfu
from mfu_planner.model import parse_config
from mfu_planner.ui.fields import FIELDS
from mfu_planner.ui.form import without_empty
from mfu_planner.ui.layout import as_layout
from mfu_planner.ui.query import flag_value, to_query
from mfu_planner.ui.subject import OWN_CONFIG, OWN_SIZE
from mfu_planner.ui.text import _

SAVED = "saved"
MOST = 6
_PLANNED = (
    "model", "params", "active_params", "seq_len", "target_seq_len", "convention", "hardware", "dtype", "peak",
    "sparse", "tokens", "devices", "mfu", "goodput", "deadline", "budget", "price", "pue",
)  # fmt: skip
_LAID_OUT = ("global_batch", "tp", "pp", "vpp", "cp", "ep", "dp", "micro_batch", "zero")


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
    filled = {name: fields.get(name, FIELDS[name].default) for name in _PLANNED}
    given: dict[str, Any] = without_empty(filled)
    if given.get("model") == OWN_SIZE:
        del given["model"]
        given.setdefault("params", FIELDS["params"].default)
    elif given.get("model") == OWN_CONFIG:
        del given["model"]
        given["config"] = parse_config(fields.get("config", ""), "config.json")
    if given.get("model"):
        given.pop("params", None)
        given.pop("active_params", None)
    if "sparse" in given:
        given["sparse"] = flag_value(str(given["sparse"]))
    if fields.get("mfu_from") == "published":
        given.pop("mfu", None)
        given["mfu"] = typical_mfu(**given).typical
    elif fields.get("mfu_from") == "predicted":
        layout = {name: fields.get(name, FIELDS[name].default) for name in _LAID_OUT}
        layout["recompute"] = fields.get("layout_recompute", "none")
        layout["zero"] = "" if layout["zero"] == FIELDS["zero"].default else layout["zero"]
        given["mfu"] = predicted_mfu(**as_layout(given | without_empty(layout)))[0]
    return plan(**without_empty(given))
