"""How many small mistakes the tests would catch: mutants of the arithmetic, drawn from a fixed seed.

``make mutants`` draws mutants of operators, the step, machines, the search and the run's relations, runs against every
one the tests that go through its function, and writes ``scripts/mutants.txt``: figures by package and the survivors by
name.  Documentation that the code wrote and the kept answers do not count: they would catch anything, right or wrong.

``python scripts/mutants.py [--count N] [--seed N] [--only PACKAGE ...] [--survivors]`` (``--survivors``: those on file
again; another seed draws others, to see kinds rather than the same ones).
"""

from __future__ import annotations

import argparse
import ast
import copy
import datetime as dt
import os
import pickle
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from types import FrameType

import numpy as np  # noqa: F401  imported once for all children, like the next
import pydantic  # noqa: F401
import pytest
import sympy  # noqa: F401

ROOT = Path(__file__).resolve().parents[1]
REPORT = Path(__file__).with_suffix(".txt")
SEED, COUNT, TIMEOUT_S = 20261130, 320, 240
_MOST_S, _OTHERS = 30.0, 60
"""Seconds of tests that go through a mutant's function, and how many others, each mutant is given."""
PACKAGES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "run": (("run",), ("tests/run", "tests/plan", "tests/sweeps")),
    "operators": (
        ("operators",),
        ("tests/operators", "tests/counting/test_formulas.py", "tests/counting/test_properties.py", "tests/golden"),
    ),
    "step": (
        ("step",),
        ("tests/step", "tests/answers", "tests/searching", "tests/backtesting/test_steptime.py"),
    ),
    "machine": (
        ("machine",),
        ("tests/machine", "tests/step", "tests/answers", "tests/backtesting/test_question.py"),
    ),
    "searching": (("searching",), ("tests/searching",)),
}  # fmt: skip
"""Package → its code, the tests that know it, the quickest first."""
_ARGUMENTS = (
    *("-q", "-p", "no:cacheprovider", "-m", "not browser and not golden"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
    "--ignore=tests/golden/test_answers.py",
    "--ignore=tests/golden/test_measure.py",
)
_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.And: ast.Or, ast.Or: ast.And, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}  # fmt: skip
_NAMES = {"minimum": "maximum", "maximum": "minimum", "min": "max", "max": "min", "ceil": "floor", "any": "all",
          "all": "any"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file."""

    package: str
    file: str
    place: int
    """Number of the change among those of its file."""
    line: int
    says: str

    @property
    def name(self) -> str:
        """Where it is and what it does."""
        return f"{self.file}:{self.line} {self.says}"


class Changes(ast.NodeVisitor):
    """Every change that a file allows, made one at a time."""

    def __init__(self, wanted: int = -1) -> None:
        self.wanted, self.found = wanted, list[tuple[int, str]]()

    def _offer(self, line: int, says: str) -> bool:
        self.found.append((line, says))
        return len(self.found) - 1 == self.wanted

    def generic_visit(self, node: ast.AST) -> None:
        """Leave out what is said and not computed: messages, annotations, decorators, type-checking imports."""
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.ImportFrom | ast.Import):
            return
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "decorator_list", "type_params"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    self.visit(child)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        """``a + b`` → ``a - b``."""
        other = _SWAPS.get(type(node.op))
        text = isinstance(node.left, ast.Constant | ast.JoinedStr) and not _number(node.left)
        if other and not text and self._offer(node.lineno, f"{_op(node.op)} → {_op(other())} in {_short(node)}"):
            node.op = other()  # type: ignore[assignment]
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        """``a < b`` → ``a <= b``."""
        for place, op in enumerate(node.ops):
            other = _SWAPS[type(op)]
            if self._offer(node.lineno, f"{_op(op)} → {_op(other())} in {_short(node)}"):
                node.ops[place] = other()  # type: ignore[call-overload]
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        """``a and b`` → ``a or b``."""
        other = _SWAPS[type(node.op)]
        if self._offer(node.lineno, f"{_op(node.op)} → {_op(other())} in {_short(node)}"):
            node.op = other()  # type: ignore[assignment]
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        """A number one more, or half as much again."""
        if not _number(node):
            return
        value = node.value + 1 if isinstance(node.value, int) else (node.value * 1.5 if node.value else 1.0)
        if self._offer(node.lineno, f"{node.value} → {value}"):
            node.value = value

    def visit_Call(self, node: ast.Call) -> None:
        """``minimum`` → ``maximum``; ``where(c, a, b)`` → ``where(c, b, a)``."""
        if isinstance(node.func, ast.Name):
            name = node.func.id
            if name in _NAMES and self._offer(node.lineno, f"{name} → {_NAMES[name]} in {_short(node)}"):
                node.func.id = _NAMES[name]
            if name == "where" and self._offer(node.lineno, f"branches swapped in {_short(node)}"):
                node.args[1], node.args[2] = node.args[2], node.args[1]
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        """``a if c else b`` → ``b if c else a``."""
        if self._offer(node.lineno, f"branches swapped in {_short(node)}"):
            node.body, node.orelse = node.orelse, node.body
        self.generic_visit(node)


def _number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool)


def _op(op: ast.AST) -> str:
    return type(op).__name__


def _short(node: ast.AST) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 60 else f"{text[:57]}..."


def files_of(package: str) -> list[Path]:
    """The code of a package: files that an earlier one of the list does not have."""
    own = [ROOT / "mfu_planner" / part for part in PACKAGES[package][0]]
    found = [f for part in own if part.exists() for f in ([part] if part.is_file() else sorted(part.glob("*.py")))]
    named = {ROOT / "mfu_planner" / p for n, (parts, _) in PACKAGES.items() if n != package for p in parts}
    return [f for f in found if f.name != "__init__.py" and (f not in named or f in own)]


def every(package: str) -> Iterator[Mutant]:
    """All mutants of a package."""
    for path in files_of(package):
        changes = Changes()
        changes.visit(ast.parse(path.read_text("utf-8")))
        for place, (line, says) in enumerate(changes.found):
            yield Mutant(package, str(path.relative_to(ROOT)), place, line, says)


def drawn(count: int, packages: list[str], seed: int) -> list[Mutant]:
    """As many of every package, from a seed."""
    chosen: list[Mutant] = []
    for package in packages:
        mutants = list(every(package))
        chosen += random.Random(seed).sample(mutants, min(len(mutants), count // len(packages)))  # noqa: S311
    return chosen


def mutated(mutant: Mutant) -> str:
    """The file's text with the change made."""
    tree = ast.parse((ROOT / mutant.file).read_text("utf-8"))
    changed = copy.deepcopy(tree)
    Changes(mutant.place).visit(changed)
    return ast.unparse(ast.fix_missing_locations(changed))


def copied(into: Path) -> Path:
    """A checkout whose package can be changed: everything else is linked."""
    into.mkdir()
    for path in ROOT.iterdir():
        if path.name == "mfu_planner":
            shutil.copytree(path, into / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif not path.name.startswith("."):
            (into / path.name).symlink_to(path)
    return into


class Traced:
    """A pytest plugin: the functions of the package that each test goes through, and how long it takes."""

    def __init__(self, files: set[str]) -> None:
        self.files = files
        self.tests: dict[tuple[str, int], set[str]] = defaultdict(set)
        """(file, first line of a function) → tests."""
        self.seconds: dict[str, float] = {}
        self.failed = set[str]()
        """Tests that fail without any mutant."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember what fails."""
        if report.failed:
            self.failed.add(report.nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Watch one test with its fixtures."""

        def watch(frame: FrameType, event: str, _: object) -> None:
            if event == "call" and frame.f_code.co_filename in self.files:
                self.tests[frame.f_code.co_filename, frame.f_code.co_firstlineno].add(item.nodeid)

        start = time.perf_counter()
        sys.settrace(watch)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            self.seconds[item.nodeid] = time.perf_counter() - start


def traced(package: str, where: Path) -> Traced:
    """The tests of a package, run once in a process of their own and watched, and once on code as mutants are written.

    Tests that fail in either run are left out: they would kill every mutant.
    """
    files = [where / f.relative_to(ROOT) for f in files_of(package)]
    kept = where.parent / "traced.pickle"
    found = Traced({str(f) for f in files})

    def run() -> int:
        pytest.main([*_ARGUMENTS, *(t for t in PACKAGES[package][1] if (ROOT / t).exists())], plugins=[found])
        kept.write_bytes(pickle.dumps((dict(found.tests), found.seconds, found.failed)))
        return 0

    forked(run, where, 3600)
    tests, found.seconds, failed = pickle.loads(kept.read_bytes())  # noqa: S301  written by ourselves
    texts = {f: f.read_text("utf-8") for f in files}
    for file, text in texts.items():
        file.write_text(ast.unparse(ast.parse(text)), "utf-8")
    forked(run, where, 3600)
    for file, text in texts.items():
        file.write_text(text, "utf-8")
    failed |= pickle.loads(kept.read_bytes())[2]  # noqa: S301  written by ourselves
    for test in failed:
        print("fails without a mutant:", test, flush=True)
        found.seconds.pop(test, None)
    found.tests.update({place: names - failed for place, names in tests.items()})
    return found


def forked(work: Callable[[], int], where: Path, limit_s: float) -> int:
    """The exit code of some work in a child that imports the package from there; -1 where it takes too long."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.chdir(where)
            sys.path.insert(0, str(where))
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            signal.alarm(int(limit_s))
            code = work()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def killers(mutant: Mutant, seen: Traced, where: Path) -> list[str]:
    """Tests that go through the mutant's function, the quickest first, then some others of its package."""
    file = str(where / mutant.file)
    tree = ast.parse((ROOT / mutant.file).read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.Lambda, ast.AsyncFunctionDef)
    around = [n for n in ast.walk(tree) if isinstance(n, kinds) and n.lineno <= mutant.line <= (n.end_lineno or 0)]
    firsts = {min([n.lineno, *(d.lineno for d in getattr(n, "decorator_list", []))]) for n in around}
    names = {
        t for (f, line), tests in seen.tests.items() if f == file and (not firsts or line in firsts) for t in tests
    }
    spent = accumulate(sorted((seen.seconds[t], t) for t in names), lambda a, b: (a[0] + b[0], b[1]))
    first = [test for seconds, test in spent if seconds < _MOST_S]
    others = sorted(set(seen.seconds) - names)  # what a cache keeps is worked out in the first test alone
    return first + random.Random(SEED).sample(others, min(len(others), _OTHERS))  # noqa: S311


def survives(mutant: Mutant, seen: Traced, where: Path) -> bool:
    """Whether the tests that go through it pass with the mutant in place."""
    tests = killers(mutant, seen, where)
    if not tests:
        return True
    target = where / mutant.file
    kept = target.read_text("utf-8")
    target.write_text(mutated(mutant), "utf-8")
    try:
        return forked(lambda: int(pytest.main(["-x", *_ARGUMENTS, *tests])), where, TIMEOUT_S) == 0
    finally:
        target.write_text(kept, "utf-8")


def judged(mutants: list[Mutant]) -> dict[Mutant, bool]:
    """Every mutant and whether it survives."""
    found: dict[Mutant, bool] = {}
    with tempfile.TemporaryDirectory() as folder:
        where = copied(Path(folder) / "checkout")
        for package in dict.fromkeys(m.package for m in mutants):
            seen = traced(package, where)
            for mutant in (m for m in mutants if m.package == package):
                found[mutant] = survives(mutant, seen, where)
                print("alive " if found[mutant] else "killed", mutant.name, flush=True)
    return found


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
    parser.add_argument("--only", nargs="*", choices=list(PACKAGES), default=list(PACKAGES))
    parser.add_argument("--survivors", action="store_true", help="only those that the report names, nothing written")
    parser.add_argument("--write", action="store_true", help="write the report")
    given = parser.parse_args()
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
