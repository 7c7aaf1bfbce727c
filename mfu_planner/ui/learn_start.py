"""What the lessons take where nothing is on file and nothing is given, said on the page."""

from __future__ import annotations

from typing import Any

import streamlit as st

from mfu_planner import flops
from mfu_planner.answers.verdict import rule_of_thumb
from mfu_planner.errors import InputError
from mfu_planner.hardware import resolve
from mfu_planner.report.human import percent
from mfu_planner.ui.form import Form
from mfu_planner.ui.text import _

MODEL = ("model", "config", "params", "active_params", "seq_len", "target_seq_len", "image_size")
"""Fields that say what is counted."""
_USUAL = {"seq_len": "4096", "target_seq_len": "512"}
_DEVICES = "8"
_OBSERVED = ("tokens_per_second_per_device", "flops_per_second_per_device")


def of_model(form: Form) -> dict[str, Any]:
    """The fields of the model."""
    return {k: v for k, v in form.given.items() if k in MODEL}


def suppose(form: Form) -> None:
    """Lengths, devices and a rate for a learner who gave none.

    Raises
    ------
    InputError
        An unknown accelerator.
    """
    for name, usual in _USUAL.items():
        if _is_missing(name, form):
            form.put(name, usual)
            said = _("No length is on file for this model: the lessons take {n} tokens until you give one.")
            st.caption(said.format(n=usual))
    if "devices" not in form.given:
        form.put("devices", _DEVICES)
        st.caption(_("The lessons take {n} devices until you say how many.").format(n=_DEVICES))
    peak = resolve(str(form.given["hardware"])).peak.get(str(form.given.get("dtype", "bf16")))
    if peak is not None and peak.dense and not any(name in form.given for name in _OBSERVED):
        typical = float(rule_of_thumb()["doubt"]["typical"])
        form.put(_OBSERVED[1], f"{typical * peak.dense:.6g} FLOP/s")
        said = _("No rate is given: the lessons take one of {mfu} MFU, a typical one.")
        st.caption(said.format(mfu=percent(typical)))


def _is_missing(name: str, form: Form) -> bool:
    if name in form.given:
        return False
    try:
        flops(**of_model(form))
    except InputError as error:
        return error.field.replace("-", "_") == name
    return False
