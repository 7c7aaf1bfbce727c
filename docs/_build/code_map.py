"""The map of the code, written from the first line of each module's docstring."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from docstrings import cell
from sources import ROOT

PACKAGE = ROOT / "mfu_planner"


def packages() -> str:
    """Each package with its modules and what they are for."""
    lines = ["### Top level\n", *_table(sorted(PACKAGE.glob("*.py")))]
    for folder in sorted({p.parent for p in PACKAGE.rglob("*.py")} - {PACKAGE}):
        inside = sorted(p for p in folder.glob("*.py") if p.name != "__init__.py")
        name = ".".join(folder.relative_to(ROOT).parts)
        lines.append(f"### `{name}`\n")
        if (folder / "__init__.py").exists():
            lines.append(f"{_first_line(folder / '__init__.py')}\n")
        lines += _table(inside)
    return "\n".join(lines)


def _table(modules: list[Path]) -> Iterator[str]:
    if not modules:
        return
    yield "| module | what it is for |\n| --- | --- |"
    for path in modules:
        if path.name != "__init__.py":
            yield f"| `{path.name}` | {cell(_first_line(path))} |"
    yield ""


def _first_line(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).replace("``", "`")
