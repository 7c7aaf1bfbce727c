"""The notebook: running its cells without any notebook software, and showing it as a page."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from typing import Any

from sources import DOCS

NOTEBOOK = DOCS / "notebooks" / "plan_and_measure.ipynb"


def cells() -> Iterator[tuple[str, str]]:
    """(kind, text) of each cell."""
    for cell in json.loads(NOTEBOOK.read_text("utf-8"))["cells"]:
        yield cell["cell_type"], "".join(cell["source"])


def run() -> list[tuple[str, str, str]]:
    """(kind, text, what it prints) of each cell, the code cells executed in order."""
    names: dict[str, Any] = {"__name__": "notebook"}
    done = []
    for kind, text in cells():
        out = io.StringIO()
        if kind == "code":
            with contextlib.redirect_stdout(out):
                exec(compile(text, NOTEBOOK.name, "exec"), names)  # noqa: S102  the project's own documentation
        done.append((kind, text, out.getvalue().rstrip()))
    return done


def page() -> str:
    """The notebook as Markdown, without its title."""
    parts = []
    for kind, text, printed in run():
        if kind == "markdown":
            lines = text.split("\n")
            parts.append("\n".join(lines[2:] if lines[0].startswith("# ") else lines))
        else:
            parts.append(f"```py\n{text}\n```")
            if printed:
                parts.append(f"```text\n{printed}\n```")
    return "\n\n".join(parts)
