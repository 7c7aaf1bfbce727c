"""A command's flags, out of the class of its question: names, values, help and headings."""

from __future__ import annotations

from collections.abc import Callable
from os.path import isfile
from typing import TYPE_CHECKING, Any

import click

from mfu_planner.cli.output import output_options
from mfu_planner.questions.ask import GROUPS, Asked
from mfu_planner.questions.commands import COMMANDS, question_of
from mfu_planner.questions.question import Question, asks

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

FILES = ("mfu-planner.toml", "pyproject.toml")
"""Where a folder states defaults: the first that states any; in the second the table ``[tool.mfu-planner]``."""
_OUTPUT = "Output"
"""The heading of what belongs to a command rather than to its question."""


class AskOption(click.Option):
    """The flag of one field; its other names are taken too, and not listed."""

    def __init__(self, asked: Asked, question: type[Question]) -> None:
        self.asked, self.question = asked, question
        flag, off = f"--{asked.field}", asked.ask.off
        if asked.is_flag:
            super().__init__([f"{flag}/--{off}" if off else flag, asked.name], is_flag=True, default=None)
        else:
            several = isinstance(asked.default, tuple)
            super().__init__([flag, asked.name], multiple=several, default=None)

    @property
    def meaning(self) -> str:
        """The text under the field; what a form says of an empty field, a command line says of one left out."""
        from mfu_planner.questions.texts import help_of

        return help_of(self.question).get(self.asked.name, "").replace("Empty:", "Left out:")

    def make_metavar(self, ctx: click.Context) -> str:
        """What stands in place of the value; its choices may have to be imported."""
        del ctx
        return self.asked.metavar

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names that begin as what was typed."""
        from click.shell_completion import CompletionItem

        from mfu_planner.cli.completing import completions

        del ctx
        return [CompletionItem(name) for name in completions(self.asked.name, self.asked.choices, incomplete)]

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The flag and its meaning, looked up now: only help needs it."""
        self.help = self.meaning
        return super().get_help_record(ctx)

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Under its own name and every alias."""
        listed = self.opts
        self.opts = [*listed, *(f"--{alias.replace('_', '-')}" for alias in self.asked.ask.aliases)]
        super().add_to_parser(parser, ctx)
        self.opts = listed


class QuestionCommand(click.Command):
    """A command whose help has a heading for each group of its fields."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The flags by group; those of the command itself last."""
        groups: dict[str, list[tuple[str, str]]] = {}
        beside = question_of(self.name).beside if self.name in COMMANDS else {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                group = param.asked.ask.group if isinstance(param, AskOption) else _OUTPUT
                groups.setdefault(group, []).append(record)
        for name in (*GROUPS, _OUTPUT):
            if name in groups:
                with formatter.section(f"{name}, beside {beside[name]}" if name in beside else name):
                    formatter.write_dl(groups[name])


def asking(
    command: str, *own: click.Parameter, kind: type[QuestionCommand] = QuestionCommand, as_json: bool = True
) -> Callable[[Callable[..., None]], QuestionCommand]:
    """A command out of a function and the question that bears the command's name.

    The function gets ``as_json`` and, by field, what was said; its docstring is the help.

    Parameters
    ----------
    command : the name of the command and the key of its question.
    own : what belongs to the command and not to its question.
    kind : the class of the command.
    as_json : whether it has an answer as JSON.
    """
    question = question_of(command)
    asked = asks(question)
    fields = [_parameter(one, question) for one in asked.values()]
    taken = {*asked, *(alias for one in asked.values() for alias in one.ask.aliases)}
    fields += [
        click.Option([f"--{name.replace('_', '-')}", name], hidden=True, help=f"--{one.field}, in {word}.")
        for one in asked.values()
        for name, word in one.ask.worded
        if name not in taken
    ]
    shown = output_options() if as_json else []

    def decorate(function: Callable[..., None]) -> QuestionCommand:
        def run(**flags: Any) -> None:
            given = {name: value for name, value in flags.items() if value is not None and value != ()}
            if any(map(isfile, FILES)) and not given.get("plan_file"):
                from mfu_planner.cli.defaults import with_defaults

                given = with_defaults(command, question, given)
            function(**given)

        return kind(command, callback=run, params=[*own, *fields, *shown], help=function.__doc__)

    return decorate


def _parameter(asked: Asked, question: type[Question]) -> click.Parameter:
    if not asked.ask.argument:
        return AskOption(asked, question)
    word = asked.ask.label.upper() if asked.ask.required else f"[{asked.ask.label.upper()}]"
    return click.Argument([asked.name], nargs=-1, required=asked.ask.required, metavar=f"{word}...")
