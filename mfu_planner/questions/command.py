"""The command that asks a question: its fields as flags of the command line."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

_UNITS = {"nic": "B/s", "peak": "FLOP/s", "tokens_per_second_per_device": "token/s", "device_hours": "device*hour"}
"""Units of numbers whose bare form means something else, or nothing."""
_SWITCHES = {"sequence_parallel": "no-sequence-parallel"}
"""Flags that can be switched off, with the flag that does."""


def command_of(name: str, question: Mapping[str, Any]) -> str:
    """``mfu-planner NAME`` with a question's flags, quoted for a shell; numbers to their last digit."""
    return shlex.join(["mfu-planner", name, *_words(question)])


def _words(question: Mapping[str, Any]) -> Iterator[str]:
    for name, value in question.items():
        flag = f"--{name.replace('_', '-')}"
        if value is None or (value is False and name not in _SWITCHES):
            continue
        if value is False:
            yield f"--{_SWITCHES[name]}"
        elif value is True:
            yield flag
        elif isinstance(value, Mapping):
            yield from (flag, json.dumps(value, separators=(",", ":")))
        else:
            yield from (flag, f"{value!r} {_UNITS[name]}" if name in _UNITS else str(value))
