"""The files of one's own machine and runs: what mfu-planner probe and mfu-planner calibrate wrote."""

from __future__ import annotations

from typing import Any

import streamlit as st

from mfu_planner.errors import InputError
from mfu_planner.facts import load_text
from mfu_planner.questions.question import asks
from mfu_planner.ui.form import Form
from mfu_planner.ui.refusal import refused
from mfu_planner.ui.text import _
from mfu_planner.ui.uploads import small_text

_KINDS = {"stack-calibration": "stack", "machine-calibration": "machine"}
"""What a file says it is → the field that takes it."""
MEASURED_FIELDS = tuple(_KINDS.values())
MEASURED = "measured_files"
"""Key of the upload."""
LARGEST_MEASURED = 256 << 10
"""Bytes of one such file."""
_MOST = 4


def measured_fields(form: Form) -> None:
    """The upload; files are told by their kind, the first of each counts."""
    dropped = st.file_uploader(
        _("Drop your stack.yaml and machine.yaml"),
        type=["yaml", "yml"],
        accept_multiple_files=True,
        key=MEASURED,
        help=_("From mfu-planner calibrate and mfu-planner probe: your own runs and machine in place of others'."),
        max_upload_size=1,
    )
    for file in dropped[:_MOST]:
        try:
            field, held = _told(file)
        except InputError as error:
            st.error(refused(error))
            continue
        if field not in asks(form.question):
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
