"""Saved scenarios: kept in the browser's address, nothing on a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from mfu_planner.answers.foreseen import LAID_OUT as OF_A_STEP
from mfu_planner.answers.plan import plan
from mfu_planner.answers.planned import Plan
from mfu_planner.answers.suggest import typical_mfu
from mfu_planner.questions.model import parse_config
from mfu_planner.questions.question import asks
from mfu_planner.questions.runs import PlanQuestion
from mfu_planner.ui.fields import FIELDS, NOTHING
from mfu_planner.ui.form import without_empty
from mfu_planner.ui.layout import LAID_OUT
from mfu_planner.ui.own_config import OWN_CONFIG, is_only_here, unpacked
from mfu_planner.ui.query import flag_value, to_query
from mfu_planner.ui.refusal import label
from mfu_planner.ui.subject import OWN_SIZE
from mfu_planner.ui.suggested import DEMO, first_value, is_demo
from mfu_planner.ui.text import _

SAVED = "saved"
MOST = 6
NAME = "name"
"""Key of a scenario under which its user's name for it stands."""
_OPENED = ("model", "hardware", "tokens", "devices", "mfu")
"""What the Plan page shows at first; its other fields are empty."""


OF_A_PLAN = {*asks(PlanQuestion), "mfu_from", "layout_recompute"}
"""Fields of which a scenario is made."""


def saved() -> list[str]:
    """The kept scenarios, each as a query string."""
    kept: list[str] = st.session_state.setdefault(SAVED, [])
    return kept


def keep_button(**more: str) -> None:
    """A button that puts this page's question beside the others kept.

    Parameters
    ----------
    more : fields of a plan that the page's answer says, such as the MFU.
    """
    full, only_here = len(saved()) >= MOST, is_only_here()
    why = _("Scenarios are kept in the address: put the config into the link first.")
    st.button(
        _("Keep to compare") + (f" ({len(saved())})" if saved() else ""),
        icon=":material/bookmark_add:",
        on_click=_keep,
        args=(more,),
        disabled=full or only_here,
        help=why if only_here else _("Puts this scenario on the Compare page; up to {n}.").format(n=MOST),
    )


def _keep(more: Mapping[str, str]) -> None:
    fields = {k: v for k, v in st.query_params.items() if k in OF_A_PLAN} | dict(more)
    text = to_query(fields)
    if text not in saved():
        saved().append(text)


def _at_first(name: str, fields: Mapping[str, str]) -> str:
    """What the Plan page shows in a field of which the address says nothing."""
    asked = {n: fields.get(n, FIELDS[n].default) for n in (*DEMO, *fields) if n in FIELDS}
    return FIELDS[name].default if name in DEMO or is_demo(asked, name) else first_value(name, asked)


def opened(fields: Mapping[str, str]) -> dict[str, str]:
    """The fields that the Plan page fills by itself, as it shows them for these."""
    return {n: fields.get(n, _at_first(n, fields)) for n in _OPENED}


def name_of(fields: Mapping[str, str]) -> str:
    """The name that its user gave a scenario, else what it is about."""
    model, devices, hardware = (opened(fields)[n] for n in ("model", "devices", "hardware"))
    return fields.get(NAME) or f"{model} · {devices or '?'} × {hardware}"


def named(kept: Sequence[Mapping[str, str]]) -> list[str]:
    """A name for each scenario; equal ones are told apart by what differs, else by their place."""
    names = [name_of(fields) for fields in kept]
    for at, fields in enumerate(kept):
        alike = [other for n, other in enumerate(kept) if n != at and name_of(other) == name_of(fields)]
        own = [f"{label(k)} {v}" for k, v in fields.items() if k != NAME and any(o.get(k) != v for o in alike)]
        names[at] += f" · {', '.join(own[:2])}" if alike and own else ""
    return [f"{at}. {name}" for at, name in enumerate(names, 1)]


def differing(kept: Sequence[Mapping[str, str]]) -> list[tuple[str, list[str]]]:
    """(field, its value in each scenario) of what differs between them; a dash where it is as at first."""
    keys = dict.fromkeys((*(k for fields in kept for k in fields if k != NAME), *_OPENED))
    whole = [opened(fields) | dict(fields) for fields in kept]
    rows = [(k, [fields.get(k, "") for fields in whole]) for k in keys if k in FIELDS]
    return [(label(k), [v or "–" for v in values]) for k, values in rows if len(set(values)) > 1]


def plan_of(fields: Mapping[str, str]) -> Plan:
    """The plan of a kept scenario: what the Plan page shows for the same address.

    Raises
    ------
    PlannerError
        The fields make no plan.
    """
    fields = {name: value for name, value in fields.items() if name in FIELDS}
    stated = [n for n in asks(PlanQuestion) if n in FIELDS and n not in OF_A_STEP]
    filled = dict.fromkeys(stated, "") | opened(fields) | {n: v for n, v in fields.items() if n in stated}
    given: dict[str, Any] = _chosen(filled)
    if given.get("model") == OWN_SIZE:
        del given["model"]
        given.setdefault("params", FIELDS["params"].default)
    elif given.get("model") == OWN_CONFIG:
        del given["model"]
        given["config"] = parse_config(unpacked(fields.get("config", "")), "config.json")
    if given.get("model"):
        given.pop("params", None)
        given.pop("active_params", None)
    if fields.get("mfu_from") == "published":
        given.pop("mfu", None)
        given["mfu"] = typical_mfu(**_as_typed(given)).typical
    elif fields.get("mfu_from") == "predicted":
        layout = {name: fields.get(name, _at_first(name, fields)) for name in ("global_batch", *LAID_OUT)}
        layout["recompute"] = fields.get("layout_recompute", "none")
        layout |= {name: fields[name] for name in OF_A_STEP if name in fields and name != "recompute"}
        given.pop("mfu", None)
        given |= _chosen(layout) | {"predict": True}
    return plan(**_as_typed(without_empty(given)))


def _as_typed(given: Mapping[str, Any]) -> dict[str, Any]:
    """Switches of an address as what they mean."""
    flags = {name for name in given if asks(PlanQuestion)[name].is_flag}
    return {name: flag_value(str(value)) if name in flags else value for name, value in given.items()}


def _chosen(fields: Mapping[str, str]) -> dict[str, Any]:
    """The fields in which something stands or is chosen."""
    return {name: value for name, value in without_empty(fields).items() if value not in NOTHING}
