"""What people have written down still works: flags, arguments, keys of links and plans, commands of the pages."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest

from mfu_planner.answers.planfile import plan_stages
from mfu_planner.cli.main import group
from mfu_planner.questions.commands import question_of
from mfu_planner.questions.question import asks, names
from mfu_planner.ui.fields import FIELDS
from mfu_planner.ui.keep import plan_of
from mfu_planner.ui.query import from_query

ROOT = Path(__file__).resolve().parents[2]
BEFORE: dict[str, Any] = json.loads(Path(__file__).with_name("before.json").read_text("utf-8"))
"""Every name that the first public interface had."""
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_SHOWN = re.compile(r"(?:^\$ |`|^)(mfu-planner [^`|>\n]+)", re.MULTILINE)


def parser_of(name: str) -> tuple[click.Context, click.Command]:
    """A command with a context to parse in."""
    command = group.get_command(click.Context(group), name)
    assert command is not None, name
    return click.Context(command, parent=click.Context(group, **group.context_settings), info_name=name), command


def taken(name: str) -> set[str]:
    """Every spelling of a flag that a command takes."""
    context, command = parser_of(name)
    parser = command.make_parser(context)
    return {*parser._long_opt, *parser._short_opt}


@pytest.mark.each("name", sorted(BEFORE["flags"]))
def test_flags(name: str) -> None:
    """Of every command."""
    assert set(BEFORE["flags"][name].split()) - taken(name) == set()


@pytest.mark.each("name", sorted(BEFORE["arguments"]))
def test_arguments(name: str) -> None:
    """Of the Python calls, which are the flags."""
    assert set(BEFORE["arguments"][name].split()) - set(names(question_of(name))) == set()


def test_keys_of_links_and_stages() -> None:
    """Each is a field of the form; each may stand in a stage of a plan."""
    assert set(BEFORE["link_keys"].split()) - set(FIELDS) == set()
    stages = {name for name, asked in asks(question_of("plan")).items() if asked.ask.stage}
    assert set(BEFORE["stage_keys"].split()) - stages == set()


def commands() -> list[str]:
    """Every command that a page shows, on one line."""
    found = [m[1] for page in PAGES for m in _SHOWN.finditer(page.read_text("utf-8").replace("\\\n", " "))]
    return sorted({" ".join(line.split()) for line in found if "…" not in line and "COMMAND" not in line})


@pytest.mark.each("line", commands())
def test_commands_of_the_pages(line: str) -> None:
    """Every flag that a page shows is taken."""
    words = line.split()[1:]
    if not words or words[0].startswith("-") or words[0] == "help":
        return
    given = words[1 : words.index("--")] if "--" in words else words[1:]
    flags = {w.partition("=")[0] for w in given if re.match(r"--[a-z]|-[a-z]$", w)}
    assert flags - taken(words[0]) - {"-h", "--help"} == set()


@pytest.mark.parametrize(
    ("link", "question"),
    [
        (
            "model=llama-3.1-8b&devices=512&tokens=2T&mfu=38%25",
            {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 512, "tokens": "2T", "mfu": "38%"},
        ),
        (
            "model=own+size&params=7B&devices=&deadline=90d&sparse=true&dtype=fp8&convention=6n&pue=1.2",
            {
                "params": "7B",
                "hardware": "h100-sxm",
                "tokens": "140B",  # proposed: twenty a parameter; the demo's belong to its own question
                "deadline": "90d",
                "mfu": "38%",
                "sparse": True,
                "dtype": "fp8",
                "convention": "6n",
                "pue": 1.2,
            },
        ),
        (
            "zero=automatic&compile=unknown&cluster=usual&grid=world&term=on-demand",
            {"model": "llama-3.1-405b", "hardware": "h100-sxm", "tokens": "15.6T", "devices": 16384, "mfu": "41%"},
        ),
    ],
)
def test_links(link: str, question: dict[str, Any]) -> None:
    """A kept address gives the plan of the question that it holds."""
    found, wanted = plan_of(from_query(link)), plan_stages(question)
    for key in ("training_time_s", "cost_usd", "devices", "mfu", "flops_per_token", "peak_flops_per_s"):
        assert getattr(found, key) == getattr(wanted, key)
