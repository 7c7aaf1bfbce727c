"""How many small mistakes the tests would catch: mutants of the arithmetic, drawn from a fixed seed.

``make mutants`` draws mutants of operators, the step, machines, the search and the run's relations, runs against every
one the tests that go through its function, and writes ``scripts/mutants.txt``: figures by package and the survivors by
name.  Documentation that the code wrote and the kept answers do not count: they would catch anything, right or wrong.

The tests of a package are collected once; each mutant is a fork of that process with the function's code exchanged.
A mutant outside a function (a module's constant, a default) is met by a process that imports the file changed.

``python scripts/mutants.py [--count N] [--seed N] [--only PACKAGE ...] [--survivors]`` (``--survivors``: those on file
again; another seed draws others, to see kinds rather than the same ones).
"""

from __future__ import annotations

import argparse
import ast
import datetime as dt
import functools
import gc
import os
import pickle
import random
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from itertools import accumulate
from pathlib import Path
from types import CodeType, FrameType, FunctionType

import numpy as np  # noqa: F401  imported once for all children, like the next
import pydantic  # noqa: F401
import pytest
import sympy  # noqa: F401
from mutating import ROOT, Mutant, changed_functions, code_of, every

REPORT = Path(__file__).with_suffix(".txt")
SEED, COUNT, JOBS = 20261130, 300, 2
_MOST_S, _OTHERS = 8.0, 20
"""Seconds of tests that go through a mutant's function, and how many others, each mutant is given."""
_CPU_S, _BYTES = 200, 12 << 30
"""What a mutant that runs away may use."""
TESTS: dict[str, tuple[str, ...]] = {
    "searching": ("tests/searching",),
    "run": ("tests/run", "tests/plan"),
    "machine": ("tests/machine", "tests/step/test_base_weights.py", "tests/step/test_bytes_by_hand.py"),
    "step": ("tests/step",),
    "operators": ("tests/operators", "tests/counting/test_formulas.py"),
}
"""Package → the tests that know it."""
_ARGUMENTS = ("-q", "-s", "-p", "no:cacheprovider", "-p", "no:warnings", "-m", "not browser and not golden")


def drawn(count: int, packages: list[str], seed: int) -> list[Mutant]:
    """As many of every package, from a seed."""
    chosen: list[Mutant] = []
    for package in packages:
        mutants = list(every(package))
        chosen += random.Random(seed).sample(mutants, min(len(mutants), count // len(packages)))  # noqa: S311
    return chosen


def forked(work: Callable[[], int]) -> int:
    """The process of some work that says nothing; its exit code is what the work returns."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            null = os.open(os.devnull, os.O_RDWR)
            for stream in range(3):
                os.dup2(null, stream)
            code = work()
        finally:
            os._exit(code)
    return child


def met(mutants: Iterable[Mutant], killed: Callable[[Mutant], int]) -> dict[Mutant, bool]:
    """Every mutant and whether it lives through some work, ``JOBS`` at a time; what runs away or breaks is caught."""

    def limited(mutant: Mutant) -> int:
        resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
        resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))
        return killed(mutant)

    found: dict[Mutant, bool] = {}
    running: dict[int, Mutant] = {}
    waiting = list(mutants)
    while waiting or running:
        while waiting and len(running) < JOBS:
            mutant = waiting.pop(0)
            running[forked(functools.partial(limited, mutant))] = mutant
        child, status = os.wait()
        mutant = running.pop(child)
        found[mutant] = status == 0
        print("alive " if found[mutant] else "killed", mutant.name, flush=True)
    return {mutant: found[mutant] for mutant in mutants}


@dataclass(slots=True)
class Seen:
    """What the tests of a package go through without any mutant."""

    tests: dict[tuple[str, int], set[str]] = field(default_factory=lambda: defaultdict(set))
    """(file, first line of a function) → tests."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Of every test that passes."""

    def killers(self, mutant: Mutant) -> list[str]:
        """Tests that go through the mutant's function, the quickest first, then some others of its package."""
        file = ROOT / mutant.file
        kinds = (ast.FunctionDef, ast.Lambda, ast.AsyncFunctionDef)
        tree = ast.walk(ast.parse(file.read_text("utf-8")))
        around = [n for n in tree if isinstance(n, kinds) and n.lineno <= mutant.line <= (n.end_lineno or 0)]
        firsts = {min([n.lineno, *(d.lineno for d in getattr(n, "decorator_list", []))]) for n in around}
        through = [
            tests for (f, line), tests in self.tests.items() if f == str(file) and (not firsts or line in firsts)
        ]
        names = set().union(*through) & set(self.seconds)
        if not firsts:  # a constant, a field of a class: whoever names the module asks about it
            naming = {
                f for f in {t.partition("::")[0] for t in self.seconds} if file.stem in (ROOT / f).read_text("utf-8")
            }
            names |= {t for t in self.seconds if t.partition("::")[0] in naming}
        spent = accumulate(sorted((self.seconds[t], t) for t in names), lambda a, b: (a[0] + b[0], b[1]))
        others = sorted(set(self.seconds) - names)  # what a cache keeps is worked out in the first test alone
        drawn = random.Random(SEED).sample(others, min(len(others), _OTHERS))  # noqa: S311
        return [test for seconds, test in spent if seconds < _MOST_S] + drawn


class Judge:
    """A pytest plugin that runs, in place of the tests collected, a fork of them for every mutant."""

    def __init__(self, package: str, mutants: list[Mutant], kept: Path) -> None:
        self.folder = str(ROOT / "mfu_planner" / package)
        self.mutants, self.kept = mutants, kept

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Watch the tests once, then meet each mutant with those that know it."""
        traces = self.kept.with_suffix(".seen")
        os.waitpid(forked(lambda: traces.write_bytes(pickle.dumps(self._seen(session))) and 0), 0)
        seen: Seen = pickle.loads(traces.read_bytes())  # noqa: S301  written by ourselves
        items = {item.nodeid: item for item in session.items}

        def killed(mutant: Mutant) -> int:
            exchange(changed_functions(mutant))
            return _failures(session, [items[name] for name in seen.killers(mutant)])

        inside = [mutant for mutant in self.mutants if changed_functions(mutant)]
        self.kept.write_bytes(pickle.dumps((seen, met(inside, killed))))
        return True

    def _seen(self, session: pytest.Session) -> Seen:
        seen, caches = Seen(), [c for c in gc.get_objects() if isinstance(c, functools._lru_cache_wrapper)]
        own = [c for c in caches if c.__wrapped__.__code__.co_filename.startswith(self.folder)]

        def watch(frame: FrameType, event: str, _: object) -> None:
            if event == "call" and frame.f_code.co_filename.startswith(self.folder):
                seen.tests[frame.f_code.co_filename, frame.f_code.co_firstlineno].add(item.nodeid)

        for item in session.items:
            for cache in own:
                cache.cache_clear()
            start = time.process_time()
            sys.settrace(watch)
            failed = _failures(session, [item])
            sys.settrace(None)
            if not failed:
                seen.seconds[item.nodeid] = time.process_time() - start
        return seen


def _failures(session: pytest.Session, items: list[pytest.Item]) -> int:
    """Run tests up to the first that fails."""
    before = session.testsfailed
    for item, following in zip(items, [*items[1:], None], strict=True):
        session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed > before:
            return 1
    return 0


def exchange(changed: dict[CodeType, CodeType]) -> None:
    """Put the mutant's code into the functions that were imported from its file."""
    for function in gc.get_objects():
        if type(function) is FunctionType and function.__code__ in changed:
            function.__code__ = changed[function.__code__]


def imported(mutant: Mutant, tests: list[str]) -> int:
    """Run tests in a process that has not imported the mutant's file yet and finds it changed."""
    usual, path = SourceFileLoader.get_code, str(ROOT / mutant.file)

    def get_code(loader: SourceFileLoader, name: str) -> CodeType | None:
        return code_of(mutant) if loader.path == path else usual(loader, name)

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign]
    return int(pytest.main(["-x", *_ARGUMENTS, *tests])) if tests else 0


def judged(mutants: list[Mutant]) -> dict[Mutant, bool]:
    """Every mutant and whether it survives."""
    found: dict[Mutant, bool] = {}
    with tempfile.TemporaryDirectory() as folder:
        for package in dict.fromkeys(m.package for m in mutants):
            kept = Path(folder) / package
            judge = Judge(package, [m for m in mutants if m.package == package], kept)
            pytest_of_package = functools.partial(pytest.main, [*_ARGUMENTS, *TESTS[package]], plugins=[judge])
            child = os.fork()
            if child == 0:
                os._exit(int(pytest_of_package()))
            os.waitpid(child, 0)
            seen, inside = pickle.loads(kept.read_bytes())  # noqa: S301  written by ourselves
            found |= inside | met(
                [m for m in judge.mutants if m not in inside], lambda m, seen=seen: imported(m, seen.killers(m))
            )
    return {mutant: found[mutant] for mutant in mutants}


def report(found: dict[Mutant, bool], seed: int) -> str:
    """Figures by package, then the survivors."""
    groups: dict[str, list[bool]] = defaultdict(list)
    for mutant, alive in found.items():
        groups[mutant.package].append(alive)
    killed = sum(not alive for alive in found.values())
    lines = [f"{dt.date.today()}: {killed} of {len(found)} mutants killed ({killed / len(found):.1%}), seed {seed}"]
    lines += [f"  {name}: {sum(not a for a in alive)} of {len(alive)}" for name, alive in groups.items()]
    return "\n".join([*lines, "alive:", *(f"  {m.name}" for m, alive in found.items() if alive)]) + "\n"


def main() -> int:
    """Draw, run, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", nargs="*", choices=list(TESTS), default=list(TESTS))
    parser.add_argument("--survivors", action="store_true", help="only those that the report names, nothing written")
    parser.add_argument("--write", action="store_true", help="write the report")
    given = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    mutants = drawn(given.count, given.only, given.seed)
    if given.survivors:
        named = {line.strip() for line in REPORT.read_text("utf-8").splitlines()}
        mutants = [m for m in mutants if m.name in named]
    text = report(judged(mutants), given.seed)
    print(text)
    if given.write:
        REPORT.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
