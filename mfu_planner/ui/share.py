"""The same question in other forms: a command, Python, a file; the answer as JSON, CSV and Markdown."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from mfu_planner.report.rows import as_csv
from mfu_planner.ui.fold import fold
from mfu_planner.ui.measured import MEASURED
from mfu_planner.ui.own_config import is_only_here
from mfu_planner.ui.own_hardware import FOLDER, uploaded
from mfu_planner.ui.text import _


def as_python(function: str, given: Mapping[str, Any]) -> str:
    """The Python call that gives the same answer."""
    arguments = "".join(f"    {name}={value!r},\n" for name, value in given.items() if name != "specs")
    return code(f"from mfu_planner import {function}", f"result = {function}(\n{arguments})")


def code(imported: str, call: str) -> str:
    """A few lines of Python, with the user's own hardware in use where there is any."""
    if not uploaded():
        return f"{imported}\n\n{call}"
    inside = call.replace("\n", "\n    ")
    return f"{imported}\nfrom mfu_planner.hardware import own_specs\n\nwith own_specs({FOLDER!r}):\n    {inside}"


def as_yaml(given: Mapping[str, Any]) -> str:
    """A ``plan.yaml`` for ``mfu-planner plan --file``."""
    import yaml

    return str(yaml.safe_dump(dict(given), sort_keys=False, allow_unicode=True))


@cache
def _svg_button() -> str:
    """A button that hands over the page's charts as the browser has drawn them."""
    return Path(__file__).with_name("svg.html").read_text("utf-8")


@dataclass(frozen=True, slots=True)
class Taken:
    """The question in other forms, and the answer."""

    command: str
    python: str
    answer: Mapping[str, Any]
    report: str = ""
    """The answer as Markdown."""
    plan_file: str = ""
    rows: Sequence[Mapping[str, Any]] | None = None
    """The lines of the CSV; the answer itself where there are none."""


def take_along(name: str, made: Callable[[], Taken], *, without: Iterable[str] = ()) -> None:
    """A fold-out with the question in other forms and the answer to download.

    Parameters
    ----------
    name : of the files.
    made : makes them, where somebody looks.
    without : what the address does not hold.
    """
    with fold("take-along", _("Take it with you: command, Python, files"), icon=":material/ios_share:") as drawn:
        if not drawn:
            return
        taken = made()
        left_out = [*without, *([_("the config")] if is_only_here() else [])]
        left_out += [_("your stack.yaml and machine.yaml")] if st.session_state.get(MEASURED) else []
        if left_out:
            but = _("The address of this page holds every field, but not {what}: whoever opens it needs that, too.")
            st.caption(but.format(what=", ".join(left_out)))
        else:
            st.caption(_("The address of this page holds every field: copy it to share this result."))
        if uploaded():
            own = _("Not your own hardware: {folder}/accelerators and {folder}/clusters stand for the files.")
            st.caption(own.format(folder=FOLDER))
        as_shell, as_code = st.tabs([_("Command line"), "Python"])
        as_shell.code(taken.command, language="bash", wrap_lines=True)
        as_code.code(taken.python, language="python", wrap_lines=True)
        files = [("plan.yaml", taken.plan_file, "plan.yaml", "application/yaml")] if taken.plan_file else []
        files += [
            ("JSON", json.dumps(dict(taken.answer), indent=1, default=dict), f"{name}.json", "application/json"),
            ("CSV", as_csv([taken.answer] if taken.rows is None else taken.rows), f"{name}.csv", "text/csv"),
        ]
        files += [("Markdown", taken.report, f"{name}.md", "text/markdown")] if taken.report else []
        with st.container(horizontal=True):
            for label, data, file_name, mime in files:
                st.download_button(
                    label, data, file_name, mime, on_click="ignore", icon=":material/download:", key=f"get-{file_name}"
                )
            label = html.escape(_("Charts as SVG"))
            st.html(_svg_button().replace("LABEL", label), unsafe_allow_javascript=True, width="content")
