"""The last lessons: watching a run, and exercises whose answers are checked."""

from __future__ import annotations

import shlex
from typing import Any

import streamlit as st

from mfu_planner import plan
from mfu_planner.errors import PlannerError
from mfu_planner.ui.learn_formats import amount
from mfu_planner.ui.numbers import show
from mfu_planner.ui.text import _
from mfu_planner.units import DAY

CLOSE = 0.02
"""An answer this close, relatively, is right: rounding is no mistake."""


def monitoring(given: dict[str, Any]) -> None:
    """The command that watches the learner's own run."""
    named = ("model", "params", "active_params", "seq_len", "image_size", "hardware", "devices", "dtype")
    flags = [part for n in named if n in given for part in (f"--{n.replace('_', '-')}", str(given[n]))]
    flags += ["--config", "config.json"] if "config" in given else []
    st.code(shlex.join(["mfu-planner", "watch", *flags, "train.log"]), language="bash", wrap_lines=True)
    st.markdown(
        _(
            "It reads the log as it grows: the MFU, the expected finish and cost, and alarms. Look at the trend, not "
            "at one step: a fall has a cause, and the five above are where to begin."
        )
    )


def exercises(given: dict[str, Any], m: Any, device: Any) -> None:
    """Questions on the learner's own numbers: a measured run, and the device's data sheet."""
    if m.tokens_per_s_per_device is not None and m.flops_per_token is not None:
        text = _("Each device does {rate:,.4g} {unit}/s at {work} each, and its peak is {peak}. What is the MFU, in %?")
        unit = _("sample") if m.work_unit == "sample" else _("token")
        values = {"rate": m.tokens_per_s_per_device, "unit": unit, "work": show(m.flops_per_token, "flop")}
        said = text.format(**values, peak=show(m.peak_flops_per_s, "flop_per_s"))
        _ask("mfu", said, 100 * m.mfu, _("Rate times work, over the peak."))
    _half(given, m)
    peak = device.peak.get(m.peak_dtype)
    if peak is None or not peak.dense or not peak.sparse:
        return
    text = _(
        "A colleague divides your run by the data sheet's {peak} with 2:4 sparsity. Which MFU do they state, in %?"
    )
    said = text.format(peak=show(peak.sparse, "flop_per_s"))
    answer = 100 * m.mfu * peak.dense / peak.sparse
    _ask("sparse", said, answer, _("Your MFU times the dense peak, over the one with sparsity."))


def _half(given: dict[str, Any], m: Any) -> None:
    tokens, words = amount(m.work_unit)
    try:
        days = plan(**given, tokens=tokens, mfu=m.mfu).training_time_s / DAY
    except PlannerError:
        return
    text = _("At your MFU of {mfu:.1f}%, {amount} take {days:,.4g} days. How many days at 50%?")
    said = text.format(days=days, mfu=100 * m.mfu, amount=words)
    _ask("half", said, days * m.mfu / 0.5, _("Time is proportional to 1 ÷ MFU."))


def _ask(key: str, question: str, answer: float, how: str) -> None:
    given = st.number_input(question, value=None, key=f"exercise_{key}", format="%g")
    if given is None:
        return
    if abs(given - answer) <= CLOSE * abs(answer):
        st.success(_("Right. {how}").format(how=how), icon=":material/check:")
    else:
        st.warning(_("Not yet. {how}").format(how=how), icon=":material/replay:")
