"""Questions made from a seed: every field of every question's class, a few of them odd, by call and by command line."""

from __future__ import annotations

import random
import re
from functools import cache
from importlib import import_module
from typing import Any

import click

from fuzz.made import Made
from fuzz.values import odd, odd_thing
from mfu_planner.questions.commands import COMMANDS, question_of
from mfu_planner.questions.question import asks, names
from mfu_planner.ui.fields import FIELDS

BASE = {
    "plan": {"model": "gpt2", "hardware": "h100-sxm", "tokens": "1B", "devices": "8", "mfu": "40%"},
    "mfu": {"model": "gpt2", "hardware": "h100-sxm", "tokens-per-second": "1M", "devices": "8"},
    "flops": {"model": "gpt2", "seq-len": "128"},
    "predict": {"model": "gpt2", "hardware": "h100-sxm", "devices": "8", "global-batch": "64"},
    "memory": {"model": "gpt2", "hardware": "h100-sxm", "devices": "8", "global-batch": "64"},
    "search": {"model": "gpt2", "hardware": "h100-sxm", "devices": "8", "global-batch": "64", "space": "usual"},
    "diagnose": {"model": "gpt2", "hardware": "h100-sxm", "devices": "8", "tokens-per-second": "1M"},
    "hardware": {},
    "models": {},
}
"""A question with an answer for each command; its fields are what the question's class has, whatever they are."""
_OFF = {"specs", "prometheus", "textfile", "otel", "template", "scheduler", "out", "o", "file"}
"""Options that write, serve, or read a file that has a target of its own."""
_KNOWN = 0.7
"""Share of the values that make sense in their field."""


@cache
def options(command: str) -> tuple[list[str], list[str]]:
    """(options with a value, options without) of a command, as the command line has them."""
    built: click.Command = import_module(f"mfu_planner.cli.{command}").command
    found = [p for p in built.params if isinstance(p, click.Option) and p.name not in _OFF]
    valued = [p.opts[-1] for p in found if not p.is_flag]
    return valued, [name for p in found if p.is_flag and p.name != "help" for name in (*p.opts, *p.secondary_opts)]


@cache
def usual(command: str) -> dict[str, tuple[str, ...]]:
    """Field → values that make sense there: its choices, or its example."""
    if command not in COMMANDS:
        return {}
    return {
        name: tuple(map(str, asked.choices)) or (asked.ask.example.strip("'"),)
        for name, asked in asks(question_of(command)).items()
        if asked.choices or asked.ask.example
    }


@cache
def fields(command: str) -> tuple[str, ...]:
    """Every name that a field of the command's question goes by."""
    return tuple(names(question_of(command)))


def sensible(command: str, name: str, random_: random.Random) -> str | None:
    """A value that makes sense in a field, its number larger or smaller; None now and then, or where none is known."""
    known = usual(command).get(name, ())
    if not known or random_.random() > _KNOWN:
        return None
    value = random_.choice(known)
    if random_.random() < 0.5:
        value = _NUMBER.sub(lambda found: f"{float(found[0]) * random_.choice(_TIMES):.6g}", value, count=1)
    return value


_NUMBER = re.compile(r"(?<![\w.-])\d+(?:\.\d+)?(?![\d-])")
_TIMES = (0.001, 0.125, 0.25, 0.5, 2, 3, 4, 16, 64, 1000)


def call(command: str, random_: random.Random) -> Made:
    """A question to the public function, up to three of its fields odd: text as typed, or things of any type."""
    given: dict[str, Any] = {name.replace("-", "_"): value for name, value in BASE[command].items()}
    for _ in range(random_.choice((1, 1, 1, 2, 3))):
        name = random_.choice(fields(command))
        found = sensible(command, name, random_)
        given[name] = found if found is not None else odd_thing(random_)
    if random_.random() < 0.1:
        given.pop(random_.choice(list(given)))
    return Made(command, given=given)


def command_line(command: str, random_: random.Random) -> Made:
    """The same as it is typed."""
    valued, bare = options(command)
    given: dict[str, str] = {f"--{name}": value for name, value in BASE[command].items()}
    for _ in range(random_.choice((1, 1, 2, 3))):
        if valued:
            name = random_.choice(valued)
            found = sensible(command, name.lstrip("-").replace("-", "_"), random_)
            given[name] = found if found is not None else odd(random_)
    flags = [random_.choice(bare)] if bare and random_.random() < 0.3 else []
    words = [odd(random_)] if command in ("hardware", "models") and random_.random() < 0.8 else []
    return Made("command", (command, *(f"{k}={v}" for k, v in given.items()), *flags, "--json", "--", *words))


def page(random_: random.Random) -> Made:
    """A page of the form under odd query values."""
    name = random_.choice(
        ("plan", "measure", "diagnose", "layout", "hardware", "models", "compare", "accuracy", "learn")
    )
    command = {"measure": "mfu", "layout": "predict", "diagnose": "diagnose", "models": "flops"}.get(name, "plan")
    query = {"model": "gpt2", "hardware": "h100-sxm", "devices": "8"} if random_.random() < 0.7 else {}
    for _ in range(random_.choice((1, 3, 6))):
        key = random_.choice((*fields(command), *PAGES_OWN)) if random_.random() < 0.9 else odd(random_)
        query[key] = sensible(command, key, random_) or odd(random_)
    return Made("page", (name, *(f"{k}={v}" for k, v in query.items())))


PAGES = ("plan", "measure", "diagnose", "layout", "hardware", "models", "compare", "accuracy", "learn")
"""Every page of the form."""
PAGES_OWN = (*(name for name in FIELDS if name not in fields("plan")), "s", "lang")
"""Keys of an address that are no field of a plan's question."""
