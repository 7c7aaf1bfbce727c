"""The fields of a parallel layout, the same wherever a layout is asked for."""

from __future__ import annotations

from typing import Any

import streamlit as st

from mfu_planner.errors import InputError
from mfu_planner.facts import load_text
from mfu_planner.machine.calibrated import stack_names
from mfu_planner.questions.layouts import PredictQuestion
from mfu_planner.questions.question import asks
from mfu_planner.ui.fields import CHOSEN, FIELDS
from mfu_planner.ui.form import Form
from mfu_planner.ui.text import _
from mfu_planner.ui.uploads import small_text

_DEGREES = (("tp", "pp", "vpp"), ("cp", "ep", "dp"))
LAID_OUT = (*(name for row in _DEGREES for name in row), "micro_batch", "zero")
"""Fields that every layout shows; recomputation stands in one of another name."""
_RECOMPUTE = ("none", "selective", "full")
_KINDS = {"stack-calibration": "stack", "machine-calibration": "machine"}
"""What a file says it is → the field that takes it."""
_MOST = 4
LARGEST_MEASURED = 256 << 10
"""Bytes of one such file."""


def layout_fields(form: Form) -> None:
    """Degrees of parallelism, sharding, recomputation, optimizer."""
    for row in _DEGREES:
        for column, name in zip(st.columns(3), row, strict=True):
            with column:
                form.text(name)
    left, middle, right = st.columns(3)
    with left:
        form.text("micro_batch")
    with middle:
        form.draw("zero")
    with right:
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


def measured_fields(form: Form) -> None:
    """The files of one's own machine and runs, told by their kind; the first of each counts."""
    dropped = st.file_uploader(
        _("Drop your stack.yaml and machine.yaml"),
        type=["yaml", "yml"],
        accept_multiple_files=True,
        key="measured_files",
        help=_("From mfu-planner calibrate and mfu-planner probe: your own runs and machine in place of others'."),
        max_upload_size=1,
    )
    for file in dropped[:_MOST]:
        try:
            field, held = _told(file)
        except InputError as error:
            st.error(str(error))
            continue
        form.put(field, held)
        if field == "machine":
            form.put("hardware", None)


def _told(file: Any) -> tuple[str, dict[str, Any]]:
    """(the field that takes an uploaded file, its content)."""
    name = file.name[:80]
    held = load_text(small_text(file, LARGEST_MEASURED, name), name)
    kind = held.get("kind") if isinstance(held, dict) else None
    if not isinstance(kind, str) or kind not in _KINDS:
        raise InputError(f"{name}: kind", kind, ", ".join(_KINDS))
    return _KINDS[kind], held


def named(given: dict[str, Any]) -> dict[str, Any]:
    """The fields with the usual names of uploaded files in place of their content."""
    return {k: f"{k}.yaml" if k in _KINDS.values() and isinstance(v, dict) else v for k, v in given.items()}


def machines(hardware: str) -> tuple[str, ...]:
    """The nodes, racks and instances that hold an accelerator."""
    from mfu_planner.hardware import clusters

    return tuple(c.id for c in clusters() if c.accelerator_id == hardware)


def as_layout(given: dict[str, Any]) -> dict[str, Any]:
    """The fields as arguments of ``predict``."""
    return {name: value for name, value in given.items() if name in asks(PredictQuestion)}
