"""The command that asks a question: its fields as flags of the command line."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from mfu_planner.questions.ask import UNITS
from mfu_planner.questions.commands import COMMANDS, question_of
from mfu_planner.questions.question import asks


def command_of(name: str, question: Mapping[str, Any]) -> str:
    """``mfu-planner NAME`` with a question's flags, quoted for a shell; numbers to their last digit.

    ``name`` may go on behind the command's name, with arguments.
    """
    return " ".join(["mfu-planner", name, *map(shlex.quote, _words(name.split()[0], question))])


def _words(command: str, question: Mapping[str, Any]) -> Iterator[str]:
    fields = asks(question_of(command)) if command in COMMANDS else {}
    for name, value in question.items():
        asked = fields.get(name)
        flag = f"--{name.replace('_', '-')}"
        if value is None or (value is False and not (asked and asked.ask.off)):
            continue
        if value is False:
            assert asked is not None
            yield f"--{asked.ask.off}"
        elif value is True:
            yield flag
        elif isinstance(value, Mapping):
            yield from (flag, json.dumps(value, separators=(",", ":")))
        else:
            unit = UNITS[asked.ask.unit].bare if asked and isinstance(value, int | float) else ""
            yield from (flag, f"{value!r} {unit}" if unit else str(value))
