"""The same question in other forms: a command, Python, a plan.yaml."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any


def as_command(command: str, given: Mapping[str, Any]) -> str:
    """The command line that gives the same answer."""
    parts = ["mfu-planner", command]
    for name, value in given.items():
        flag = f"--{name.replace('_', '-')}"
        parts += [flag] if value is True else [flag, shlex.quote(str(value))]
    return " ".join(parts)


def as_python(function: str, given: Mapping[str, Any]) -> str:
    """The Python call that gives the same answer."""
    arguments = ", ".join(f"{name}={value!r}" for name, value in given.items())
    return f"from mfu_planner import {function}\n\nresult = {function}({arguments})"


def as_yaml(given: Mapping[str, Any]) -> str:
    """A ``plan.yaml`` for ``mfu-planner plan --file``."""
    import yaml

    return str(yaml.safe_dump(dict(given), sort_keys=False, allow_unicode=True))
