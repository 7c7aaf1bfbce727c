"""The reference of the command line, written from the commands themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib.util import find_spec

import click
from docstrings import cell

from mfu_planner.cli.main import group
from mfu_planner.cli.options import AskOption


def available() -> list[str]:
    """The commands whose module exists, in the order of ``--help``."""
    context = click.Context(group)
    return [name for name in group.list_commands(context) if find_spec(f"mfu_planner.cli.{name}")]


def command(name: str) -> click.Command:
    """One command."""
    found = group.get_command(click.Context(group), name)
    assert found is not None
    return found


def reference() -> str:
    """Every command with its examples and flags."""
    return "\n".join(line for name in available() for line in _command(name, command(name)))


def options(of: click.Command) -> list[click.Option]:
    """The flags of a command, without ``--help``."""
    return [p for p in of.params if isinstance(p, click.Option)]


def _command(name: str, found: click.Command) -> Iterator[str]:
    summary, prose, examples = _help(found)
    yield f"## {name}\n\n{summary}\n"
    if prose:
        yield f"{prose}\n"
    arguments = " ".join(p.make_metavar(click.Context(found)) for p in found.params if isinstance(p, click.Argument))
    yield f"Usage: `mfu-planner {name} [OPTIONS]{' ' if arguments else ''}{arguments}`\n"
    if examples:
        yield "```text"
        yield from examples
        yield "```\n"
    yield "| flag | meaning |\n| --- | --- |"
    for option in options(found):
        yield f"| {_spelling(option)} | {cell(_meaning(option))} |"
    yield ""


def _help(found: click.Command) -> tuple[str, str, list[str]]:
    """Summary, prose and example lines of a command's help."""
    paragraphs = inspect.cleandoc(found.help or "").split("\n\n")
    examples = [p for p in paragraphs if p.startswith("\b")]
    prose = [" ".join(p.split()) for p in paragraphs if not p.startswith("\b")]
    lines = [line for p in examples for line in p.split("\n")[1:]]
    return prose[0] if prose else "", "\n\n".join(prose[1:]), lines


def _spelling(option: click.Option) -> str:
    names = " / ".join(f"`{n}`" for n in (*option.opts, *option.secondary_opts))
    if option.is_flag:
        return names
    value = option.metavar or option.make_metavar(click.Context(click.Command("x")))
    return f"{names} `{cell(value)}`"


def _meaning(option: click.Option) -> str:
    text = option.meaning if isinstance(option, AskOption) else option.help or ""
    if option.show_default and option.default not in (None, False) and "default" not in text.lower():
        text += f" Default: `{option.default}`."
    if option.multiple:
        text += " May be repeated."
    return text
