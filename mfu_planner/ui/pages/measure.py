"""Measure: what MFU is that, is it good, and can the number be right?"""

from __future__ import annotations

import json

import streamlit as st

from mfu_planner.errors import PlannerError
from mfu_planner.measuring import Measurement, measure
from mfu_planner.report.human import percent, show
from mfu_planner.ui import charts
from mfu_planner.ui.derivation import derivation
from mfu_planner.ui.fields import Field, choice, text_field, without_empty
from mfu_planner.ui.share import as_command, as_python
from mfu_planner.ui.subject import hardware_fields, model_fields, shown
from mfu_planner.ui.text import _

_PAGE = "measure"
_OBSERVED = (
    Field(
        "tokens_per_second_per_device", "Tokens/s per device", "What the log calls tokens per GPU per second.", "9400"
    ),
    Field("tokens_per_second", "Tokens/s of the whole job", "Needs the number of devices.", placeholder="600K"),
    Field("step_time", "Step time", "Of one optimizer step, with its unit.", placeholder="5.6s"),
    Field("global_batch", "Global batch", "Sequences per step, or '16M tokens'.", placeholder="512"),
    Field("devices", "Devices", "How many.", placeholder="64"),
)
_RECOMPUTE = ("unknown", "none", "selective", "full")


def page() -> None:
    """Draw the page."""
    st.title(_("Measure a run"))
    st.caption(_("Say what you observed in any of the ways below."))
    form, answer = st.columns([1, 2], gap="large")
    with form:
        given = {**model_fields(_PAGE, "llama-3.1-8b"), **hardware_fields(_PAGE, "h100-sxm")}
        given |= {f.name: text_field(_PAGE, f) for f in _OBSERVED}
        recompute = choice(
            _PAGE, "recompute", "Recomputation", _RECOMPUTE, "unknown", "Known recomputation gives the HFU."
        )
        given["recompute"] = recompute if recompute != "unknown" else None
        given = without_empty(given)
    with answer:
        try:
            result = measure(**given)
        except PlannerError as error:
            st.error(str(error), icon=":material/error:")
            return
        _answer(result)
        st.subheader(_("The same run under each convention"))
        charts.conventions(result.by_convention, result.convention)
        derivation(result.steps, result.sources)
        with st.expander(_("Take it with you"), icon=":material/share:"):
            st.code(as_command("mfu", shown(given)), language="bash", wrap_lines=True)
            st.code(as_python("measure", given), language="python", wrap_lines=True)
            text = json.dumps(result.as_json(), indent=1)
            st.download_button("JSON", text, "measurement.json", "application/json", on_click="ignore")


def _answer(m: Measurement) -> None:
    basis = _("sparse") if m.sparse else _("dense")
    cards = [
        ("MFU", percent(m.mfu, 1), f"{m.mfu!r}"),
        ("HFU", percent(m.hfu, 1), _("with recomputation; say which on the left")),
        (
            _("Achieved per device"),
            show(m.achieved_flops_per_s_per_device, "flop_per_s", 4),
            f"{m.achieved_flops_per_s_per_device:,.0f}",
        ),
        (_("Peak per device"), show(m.peak_flops_per_s, "flop_per_s", 4), f"{m.peak_dtype}, {basis}"),
    ]
    for column, (label, value, exact) in zip(st.columns(4), cards, strict=True):
        column.metric(label, value, help=exact, border=True)
    if m.verdict is not None:
        v = m.verdict
        draw = {"good": st.success, "fair": st.info, "impossible": st.error}.get(v.grade, st.warning)
        draw(f"**{_(v.grade)}** — {_(v.meaning)}")
        if v.similar_typical is not None:
            text = _("{n} similar published runs ({basis}) reached {low} to {high}, typically {mid}.")
            st.caption(
                text.format(
                    n=v.similar_runs,
                    basis=v.similar_basis,
                    low=percent(v.similar_low),
                    high=percent(v.similar_high),
                    mid=percent(v.similar_typical),
                )
            )
    for finding in m.findings:
        then = "" if finding.mfu_if_so is None else f" → MFU {percent(finding.mfu_if_so)}"
        draw = {"error": st.error, "warning": st.warning}.get(finding.severity, st.info)
        draw(f"{finding.message}{then}")
    for warning in m.warnings:
        st.caption(f":material/info: {warning}")
