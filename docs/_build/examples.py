"""The examples of a page, run in order in one folder: console commands, Python blocks, files that titled blocks show.

:func:`rerun` gives the page with every shown output replaced by what comes out now, so a page is fresh exactly when
it does not change.  A command or statement without a shown output only has to succeed.
"""

from __future__ import annotations

import ast
import contextlib
import doctest
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from blocks import Block, blocks, replaced
from shell import ShellError, run

WIDTH = "100"
"""Columns of the terminal in shown outputs."""
TODAY = "1796083200"
"""The moment of shown outputs (2026-12-01, in seconds): how old a price is must not change a page."""


class ExampleError(Exception):
    """An example that fails."""


def rerun(page: str, root: Path, *, sketches: bool = False) -> str:
    """Run the examples of a page; the page with fresh outputs.

    Blocks of the language ``py``, and with ``sketches`` those of ``python`` too, only have to parse.

    Raises
    ------
    ExampleError
        A command fails that is not shown to fail, or a Python block raises.
    """
    bodies: dict[Block, list[str]] = {}
    names: dict[str, Any] = {"__name__": "example"}
    with _scratch(root):
        for block in blocks(page):
            try:
                if block.title:
                    Path(block.title).parent.mkdir(parents=True, exist_ok=True)
                    Path(block.title).write_text(block.text, "utf-8")
                elif block.language == "console":
                    bodies[block] = _console(block)
                elif block.language == "py" or (sketches and block.language == "python"):
                    ast.parse(block.text)
                elif block.language == "python":
                    bodies[block] = _python(block, names)
            except (ShellError, Exception) as error:
                raise ExampleError(f"line {block.first}: {type(error).__name__}: {error}") from error
    return replaced(page, bodies)


@contextlib.contextmanager
def _scratch(root: Path) -> Iterator[None]:
    """An empty folder with the project's docs in it, a terminal of a known width."""
    fixed = {"COLUMNS": WIDTH, "TERM": "dumb", "NO_COLOR": "1", "SOURCE_DATE_EPOCH": TODAY}
    before = {name: os.environ.get(name) for name in (*fixed, "FORCE_COLOR", "MFU_PLANNER_SPECS")}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        (Path(folder) / "docs").symlink_to(root / "docs")
        os.environ.update(fixed)
        os.environ.pop("FORCE_COLOR", None)
        os.environ.pop("MFU_PLANNER_SPECS", None)
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value


def commands(block: Block) -> list[tuple[list[str], list[str]]]:
    """(lines of the command, lines of its shown output) of a console block."""
    found: list[tuple[list[str], list[str]]] = []
    continued = False
    for line in block.lines:
        if line.startswith("$ "):
            found.append(([line], []))
        elif continued:
            found[-1][0].append(line)
        elif found:
            found[-1][1].append(line)
        elif line.strip():
            raise ExampleError("a console block begins with `$ `")
        continued = line.endswith("\\") and (line.startswith("$ ") or continued)
    return found


def _console(block: Block) -> list[str]:
    body: list[str] = []
    for said, shown in commands(block):
        body += said
        command = " ".join(line.rstrip("\\").removeprefix("$ ").strip() for line in said)
        output, status = run(command)
        fails_on_purpose = bool(shown) and shown[0].startswith("mfu-planner: ")
        if status and not fails_on_purpose:
            raise ExampleError(f"{command}: exit {status}: {output.strip()[-500:]}")
        if any(line.strip() for line in shown):
            lines = [line.rstrip() for line in output.strip("\n").split("\n")]
            while lines and not lines[0]:
                del lines[0]
            while lines and not lines[-1]:
                del lines[-1]
            body += lines
        else:
            body += shown
    return body


def _python(block: Block, names: dict[str, Any]) -> list[str]:
    if ">>> " not in block.text:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(block.text, "<example>", "exec"), names)  # noqa: S102  the project's own documentation
        return list(block.lines)
    body: list[str] = []
    for example in doctest.DocTestParser().get_examples(block.text):
        source = example.source.rstrip("\n").split("\n")
        body += [f">>> {source[0]}", *(f"... {line}" for line in source[1:])]
        body += _evaluate(example.source, names).splitlines()
    return body


def _evaluate(source: str, names: dict[str, Any]) -> str:
    """What the interactive interpreter prints."""
    tree = ast.parse(source, mode="exec")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(ast.Interactive(tree.body), "<example>", "single"), names)  # noqa: S102
    return out.getvalue()
