"""Plan: leave any field blank and it is solved for."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from mfu_planner.errors import PlannerError
from mfu_planner.planning import Plan, plan
from mfu_planner.report.human import percent, show
from mfu_planner.ui import charts
from mfu_planner.ui.derivation import derivation
from mfu_planner.ui.fields import Field, text_field, without_empty
from mfu_planner.ui.share import as_command, as_python, as_yaml
from mfu_planner.ui.subject import for_yaml, hardware_fields, model_fields, shown
from mfu_planner.ui.text import _

_PAGE = "plan"
_RUN = (
    Field("tokens", "Tokens", "Training tokens, such as 15.6T.", "15.6T"),
    Field("devices", "Devices", "How many; '64 chips' where a chip is not a device.", "16384"),
    Field("mfu", "MFU", "The share of the peak that you expect: 40%.", "41%"),
    Field("goodput", "Goodput", "Productive share of the wall clock.", "100%"),
)
_LIMITS = (
    Field("deadline", "Deadline", "Latest end of the run, such as 30d.", placeholder="60d"),
    Field("budget", "Budget", "Most money for device time.", placeholder="$2M"),
    Field("price", "Price per device-hour", "Empty: dated market data.", placeholder="2.5 $/h"),
    Field("pue", "PUE", "Power usage effectiveness of the data centre.", placeholder="1.2"),
)


def page() -> None:
    """Draw the page."""
    st.title(_("Plan a training run"))
    st.caption(_("Leave any of tokens, devices, MFU blank and give a deadline or a budget: the rest is solved for."))
    form, answer = st.columns([1, 2], gap="large")
    with form:
        given = {**model_fields(_PAGE, "llama-3.1-405b"), **hardware_fields(_PAGE, "h100-sxm")}
        left, right = st.columns(2)
        with left:
            given |= {f.name: text_field(_PAGE, f) for f in _RUN}
        with right:
            given |= {f.name: text_field(_PAGE, f) for f in _LIMITS}
        given = without_empty(given)
    with answer:
        try:
            result = plan(**given)
        except PlannerError as error:
            st.error(str(error), icon=":material/error:")
            return
        _answer(result)
        charts.time_and_cost(result)
        derivation(result.steps, result.sources)
        _share(given, result)


def _answer(p: Plan) -> None:
    cards = [
        (_("Training time"), show(p.training_time_s, "time", 3), f"{p.training_time_s:,.0f} s"),
        (_("Device-hours"), show(p.device_hours, "count", 4), f"{p.device_hours:,.1f}"),
        (_("Cost"), show(p.cost_usd, "usd", 3), "" if p.cost_usd is None else f"${p.cost_usd:,.2f}"),
        (
            _("Energy"),
            show(None if p.energy_kwh is None else p.energy_kwh * 3.6e6, "energy", 3),
            f"{p.energy_kwh or 0:,.0f} kWh",
        ),
        (_("Devices"), f"{p.devices:,}", _("exactly {n:,.2f}").format(n=p.devices_exact)),
        (_("Tokens"), show(p.tokens, "count", 4), f"{p.tokens:,.0f}"),
        (_("MFU"), percent(p.mfu), f"{p.mfu!r}"),
        (_("Throughput per device"), f"{p.tokens_per_s_per_device:,.0f} /s", f"{p.tokens_per_s:,.0f} /s"),
    ]
    for row in (cards[:4], cards[4:]):
        for column, (label, value, exact) in zip(st.columns(4), row, strict=True):
            column.metric(label, value, help=exact or None, border=True)
    if p.range is not None:
        r = p.range
        text = _("{n} similar published runs reached {low} to {high} MFU: {fast} to {slow}.")
        st.info(
            text.format(
                n=r.runs,
                low=percent(r.mfu_low),
                high=percent(r.mfu_high),
                fast=show(r.training_time_s_low, "time", 3),
                slow=show(r.training_time_s_high, "time", 3),
            )
        )
    for warning in p.warnings:
        st.caption(f":material/info: {warning}")


def _share(given: dict[str, Any], p: Plan) -> None:
    with st.expander(_("Take it with you"), icon=":material/share:"):
        st.markdown(_("**As a command**"))
        st.code(as_command("plan", shown(given)), language="bash", wrap_lines=True)
        st.markdown(_("**As Python**"))
        st.code(as_python("plan", given), language="python", wrap_lines=True)
        left, right = st.columns(2)
        left.download_button("plan.yaml", as_yaml(for_yaml(given)), "plan.yaml", "application/yaml", on_click="ignore")
        right.download_button(
            "JSON", json.dumps(p.as_json(), indent=1), "plan.json", "application/json", on_click="ignore"
        )
