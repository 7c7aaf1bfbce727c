"""The fields of a parallel layout, the same wherever a layout is asked for."""

from __future__ import annotations

from typing import Any

import streamlit as st

from mfu_planner.machine.calibrated import stack_names
from mfu_planner.questions.layouts import PredictQuestion
from mfu_planner.questions.question import asks
from mfu_planner.ui.fields import CHOSEN, FIELDS
from mfu_planner.ui.form import Form
from mfu_planner.ui.measured import MEASURED_FIELDS, measured_fields

_DEGREES = (("tp", "pp", "vpp"), ("cp", "ep", "dp"))
LAID_OUT = (*(name for row in _DEGREES for name in row), "micro_batch", "zero")
"""Fields that every layout shows; recomputation stands in one of another name."""
_RECOMPUTE = ("none", "selective", "full")


def layout_fields(form: Form) -> None:
    """Degrees of parallelism, sharding, recomputation, optimizer."""
    for row in _DEGREES:
        for column, name in zip(st.columns(3), row, strict=True):
            with column:
                form.text(name)
    left, right = st.columns(2)
    with left:
        form.text("micro_batch")
    with right:
        form.draw("zero")
    again = form.choice("layout_recompute", _RECOMPUTE)
    form.put("layout_recompute", None)
    form.put("recompute", again)


def rare_layout_fields(form: Form) -> None:
    """Machine, optimizer, offload."""
    hardware = str(form.given.get("hardware", ""))
    machine = form.choice("cluster", (FIELDS["cluster"].default, *machines(hardware)))
    form.put("cluster", None if machine == FIELDS["cluster"].default else machine)
    left, right = st.columns(2, vertical_alignment="bottom")
    with left:
        form.draw("optimizer")
    with right:
        form.draw("offload")
    stack = form.choice("stack", (CHOSEN, *stack_names()))
    form.put("stack", None if stack == CHOSEN else stack)
    measured_fields(form)


def named(given: dict[str, Any]) -> dict[str, Any]:
    """The fields with the usual names of uploaded files in place of their content."""
    return {k: f"{k}.yaml" if k in MEASURED_FIELDS and isinstance(v, dict) else v for k, v in given.items()}


def machines(hardware: str) -> tuple[str, ...]:
    """The nodes, racks and instances that hold an accelerator."""
    from mfu_planner.hardware import clusters

    return tuple(c.id for c in clusters() if c.accelerator_id == hardware)


def as_layout(given: dict[str, Any]) -> dict[str, Any]:
    """The fields as arguments of ``predict``."""
    return {name: value for name, value in given.items() if name in asks(PredictQuestion)}
