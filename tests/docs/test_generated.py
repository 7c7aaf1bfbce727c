"""Regions that are written from code and facts are fresh, and what they must hold is there."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
import pytest
from cli_reference import available, command
from regions import fill
from sources import DOCS, ROOT, pages

import mfu_planner

WITH_REGIONS = [p for p in pages() if "<!-- generated: " in p.read_text("utf-8")]


@pytest.mark.parametrize("path", WITH_REGIONS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_regions_are_fresh(path: Path) -> None:
    """Writing the regions again changes nothing."""
    text = path.read_text("utf-8")

    assert text == fill(text), f"{path.relative_to(ROOT)} is stale; `make docs` writes it anew"


def section(name: str) -> str:
    """What the reference says about a command."""
    return (DOCS / "reference" / "cli.md").read_text("utf-8").split(f"\n## {name}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("name", available())
def test_every_command_and_flag_is_documented(name: str) -> None:
    """Each command has a section, each of its flags a row with a meaning."""
    documented = section(name)

    missing = [
        flag
        for parameter in command(name).params
        if isinstance(parameter, click.Option)
        for flag in (*parameter.opts, *parameter.secondary_opts)
        if f"`{flag}`" not in documented
    ]
    assert missing == []
    assert "|  |" not in documented, "a flag without help"


@pytest.mark.parametrize("name", available())
def test_examples_in_help_name_flags_that_exist(name: str) -> None:
    """The examples under ``--help`` parse."""
    found = command(name)
    lines = [line.strip() for line in (found.help or "").replace("\\\n", " ").split("\n")]
    for line in lines:
        if line.startswith("mfu-planner "):
            words = shlex.split(line.split(" > ")[0])
            assert words[1] == name
            found.make_context(name, words[2:], help_option_names=["-h", "--help"])


def test_every_public_name_is_in_the_reference() -> None:
    """The Python page has a heading for each name that the package offers."""
    page = (DOCS / "reference" / "python.md").read_text("utf-8")

    assert [n for n in mfu_planner.__all__ if f"\n### {n}\n" not in page] == []


def test_every_module_is_on_the_map() -> None:
    """The map of the code names each module, each with a purpose."""
    page = (DOCS / "code-map.md").read_text("utf-8")
    modules = {p.name for p in (ROOT / "mfu_planner").rglob("*.py") if p.name != "__init__.py"}

    assert sorted(m for m in modules if f"| `{m}` |" not in page) == []
    assert "` |  |" not in page, "a module without a docstring"
