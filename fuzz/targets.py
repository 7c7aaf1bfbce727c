"""What is fuzzed, and how often: for each target, an input made from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial

from fuzz import asked, files
from fuzz.calls import QUESTIONS
from fuzz.made import Made
from fuzz.values import odd

Maker = Callable[[random.Random], Made]
COMMAND_LINES = {"config.json": files.config, "log": files.log, "trace": files.trace, "plan.yaml": files.plan_file}
"""Files that are given to a command now and then."""


def _typed(random_: random.Random) -> Made:
    """A command line: of any command, or with any file."""
    kind = random_.choice((*asked.BASE, "FILE"))
    if kind != "FILE":
        return asked.command_line(kind, random_)
    name = random_.choice(tuple(COMMAND_LINES))
    made = COMMAND_LINES[name](random_)
    flags = [f"--{k.replace('_', '-')}={v}" for k, v in made.given.items()]
    first = {
        "config.json": [*made.arguments, "--config=FILE"], "log": ["log", "FILE"], "trace": ["trace", "FILE"],
        "plan.yaml": ["plan", "--file=FILE"],
    }[name]  # fmt: skip
    return Made("command", (*first, *flags, "--json"), text=made.text)


TARGETS: dict[str, Maker] = {
    **{name: partial(asked.call, name) for name in QUESTIONS},
    "command line": _typed,
    "page": asked.page,
    "device": lambda random_: Made("device", (odd(random_),)),
    "preset": lambda random_: Made("preset", (odd(random_),)),
    "config.json": files.config,
    "operators": files.operators,
    "log": files.log,
    "trace": files.trace,
    "plan.yaml": files.plan_file,
    "hardware.yaml": files.hardware,
    "machine.yaml": files.machine,
    "stack.yaml": files.stack,
    "runs.csv": files.runs,
}
WEIGHTS = {
    "plan": 300, "mfu": 180, "flops": 60, "predict": 80, "memory": 140, "search": 4, "diagnose": 3,
    "command line": 12, "page": 0.15, "device": 10, "preset": 12, "config.json": 45, "operators": 120, "log": 30,
    "trace": 80, "plan.yaml": 90, "hardware.yaml": 15, "machine.yaml": 20, "stack.yaml": 25, "runs.csv": 5,
}  # fmt: skip
"""How often a target is drawn: the dear ones seldom, so that a million inputs are an hour's work."""


def drawn(seed: int, only: str | None = None) -> Iterator[tuple[str, Made]]:
    """(target, made) without end, the same for the same seed."""
    random_ = random.Random(seed)
    names = [n for n in TARGETS if only is None or n == only]
    weights = [WEIGHTS[n] for n in names]
    while True:
        name = random_.choices(names, weights)[0]
        yield name, TARGETS[name](random_)
