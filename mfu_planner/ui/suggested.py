"""What stands in a field that nobody has filled: the demo for the demo's question, a proposal for any other.

Beside evidence (a log, a trace) nothing is proposed: what it does not say is blank.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import streamlit as st

from mfu_planner.errors import PlannerError
from mfu_planner.hardware._own import in_use
from mfu_planner.ui.fields import CHOSEN, FIELDS
from mfu_planner.ui.own_config import OWN_CONFIG, config_text

DEMO = ("model", "hardware")
"""Where these two stand as a fresh page shows them, the other fields are the demo's."""
_ASKED = (*DEMO, "config", "params", "active_params", "devices", "global_batch", "seq_len", "target_seq_len",
          "dtype")  # fmt: skip
_PROPOSED = ("tokens", "devices", "mfu", "global_batch")
LAID_OUT = ("tp", "pp", "vpp", "cp", "ep", "micro_batch", "zero", "layout_recompute")
OBSERVED = (
    "tokens_per_second_per_device", "tokens_per_second", "step_time", "flops_per_second_per_device", "device_hours",
)  # fmt: skip
EVIDENT = (*DEMO, *_PROPOSED, *LAID_OUT, *OBSERVED)
"""Fields of which a log or a trace may speak."""
OF_THE_DEMO = (*_PROPOSED, *LAID_OUT, *OBSERVED)
"""Fields whose first value belongs to the demo's run."""


def current() -> dict[str, str]:
    """What the fields that a proposal depends on hold, drawn already or not."""
    held: dict[str, Any] = {n: st.session_state.get(n, st.query_params.get(n, FIELDS[n].default)) for n in _ASKED}
    held["config"] = config_text()
    laid_out = {n: st.query_params[n] for n in LAID_OUT if n in st.query_params}
    return {n: str(v) for n, v in (held | laid_out).items() if v not in (None, "", CHOSEN)}


def is_demo(fields: Mapping[str, str], name: str = "") -> bool:
    """Whether the question is that of a fresh page, as far as the field ``name`` goes: a layout is one of devices."""
    same = name not in LAID_OUT or fields.get("devices", FIELDS["devices"].default) == FIELDS["devices"].default
    return same and all(fields.get(n) == FIELDS[n].default for n in DEMO)


def first_value(name: str, fields: Mapping[str, str]) -> str:
    """What a field of the demo holds at first, for another question of which some fields are filled."""
    said = {n: v for n, v in fields.items() if v and n in (*_ASKED, *LAID_OUT) and n != name}
    asked = tuple(sorted(said.items()))
    return _proposal(asked, in_use(), name in LAID_OUT).get(name, "")


@lru_cache(maxsize=256)
def _proposal(asked: tuple[tuple[str, str], ...], own: Any, laid_out: bool) -> dict[str, str]:  # noqa: ARG001  own hardware is the key
    from mfu_planner.answers.starting import starting_point
    from mfu_planner.questions.model import parse_config
    from mfu_planner.ui.numbers import show
    from mfu_planner.ui.subject import OWN_SIZE

    given: dict[str, Any] = dict(asked)
    model = given.get("model")
    try:
        if again := given.pop("layout_recompute", None):
            given["recompute"] = again
        if model in (OWN_CONFIG, OWN_SIZE):
            del given["model"]
        if model == OWN_CONFIG:
            given["config"] = parse_config(given.get("config", ""), "config.json")
        else:
            given.pop("config", None)
        if model != OWN_SIZE:
            given = {n: v for n, v in given.items() if n not in ("params", "active_params")}
        found = starting_point(**given, laid_out=laid_out and model != OWN_SIZE)
    except PlannerError:
        return {}
    layout = {"layout_recompute": found.layout.get("recompute"), **found.layout}
    return {
        "tokens": show(found.tokens, "count", 2),
        "devices": str(found.devices),
        "mfu": f"{found.mfu:.0%}",
        "tokens_per_second_per_device": f"{found.tokens_per_second_per_device:g}",
        "global_batch": "" if found.global_batch is None else str(found.global_batch),
        **{n: str(v) for n, v in layout.items() if n in LAID_OUT and v not in (1, None)},
    }
