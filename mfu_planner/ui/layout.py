"""The fields of a parallel layout, the same wherever a layout is asked for."""

from __future__ import annotations

from functools import cache
from typing import Any

import streamlit as st

from mfu_planner.errors import InputError
from mfu_planner.ui.fields import FIELDS
from mfu_planner.ui.form import Form

_NUMBERS = ("tp", "pp", "vpp", "cp", "ep", "dp", "micro_batch")
_ANSWERS = ("gpu_utilisation", "loader_wait", "loader_workers", "slowest_rank")
"""Read by the diagnosis alone."""
_ZERO = ("automatic", "0", "1", "2", "3")
_RECOMPUTE = ("none", "selective", "full")
OPTIMIZERS = ("adam", "adam-8bit", "adam-bf16", "adafactor", "muon", "sgd")


def check(name: str, text: str) -> None:
    """Refuse what a layout's field cannot take.

    Raises
    ------
    InputError
        A number that is not whole or below 1, or a quantity with the wrong unit.
    """
    if name in _ANSWERS:
        return
    if name not in _NUMBERS:
        from mfu_planner.questions.layouts import PredictQuestion

        PredictQuestion.of({name: text})
        return
    if not text.isdecimal() or int(text) < 1:
        raise InputError(name.replace("_", "-"), text, "a whole number of at least 1")


def layout_fields(form: Form) -> None:
    """Degrees of parallelism, sharding, recomputation, optimizer."""
    for row in (("tp", "pp", "vpp"), ("cp", "ep", "dp")):
        for column, name in zip(st.columns(3), row, strict=True):
            with column:
                form.text(name)
    left, middle, right = st.columns(3)
    with left:
        form.text("micro_batch")
    with middle:
        zero = form.choice("zero", _ZERO)
        form.put("zero", None if zero == FIELDS["zero"].default else zero)
    with right:
        again = form.choice("layout_recompute", _RECOMPUTE)
        form.put("layout_recompute", None)
        form.put("recompute", None if again == "none" else again)


def rare_layout_fields(form: Form) -> None:
    """Machine, optimizer, offload."""
    hardware = str(form.given.get("hardware", ""))
    machine = form.choice("cluster", (FIELDS["cluster"].default, *machines(hardware)))
    form.put("cluster", None if machine == FIELDS["cluster"].default else machine)
    left, right = st.columns(2, vertical_alignment="bottom")
    with left:
        chosen = form.choice("optimizer", OPTIMIZERS)
        form.put("optimizer", None if chosen == FIELDS["optimizer"].default else chosen)
    with right:
        form.switch("offload")


@cache
def machines(hardware: str) -> tuple[str, ...]:
    """The nodes, racks and instances that hold an accelerator."""
    from mfu_planner.hardware import clusters

    return tuple(c.id for c in clusters() if c.accelerator_id == hardware)


def as_layout(given: dict[str, Any]) -> dict[str, Any]:
    """The fields as arguments of ``predict``."""
    from mfu_planner.layout.request import FLAGS

    return {name: value for name, value in given.items() if name in FLAGS}
