"""The house: a package imports from its own floor and those below, no circles, one class to a name."""

from __future__ import annotations

import ast
import tomllib
from collections import defaultdict
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("structure")  # the code is parsed once
PACKAGE = Path(__file__).parents[1] / "mfu_planner"
FLOORS = {
    1: "errors later numeric",
    2: "units facts",
    3: "operators run",
    4: "hardware published architectures",
    5: "counting machine",
    6: "step",
    7: "questions",
    8: "answers fitting probing recording",
    9: "searching backtesting observe",
    10: "calibrating diagnosis report",
    11: "ui cli agent __main__ moved",
}
"""Packages and loose modules, the lowest first; old names stand at the top."""
OPEN = {
    ("agent", "cli"),  # an agent runs the commands that a terminal runs
    ("facts", "hardware"),  # what `make data` writes; not imported at run time
}
"""Imports upwards that are left; none may be added."""


@cache
def _trees() -> dict[Path, ast.Module]:
    return {p.relative_to(PACKAGE): ast.parse(p.read_text("utf-8")) for p in sorted(PACKAGE.rglob("*.py"))}


@cache
def _imports() -> dict[Path, list[ast.Import | ast.ImportFrom]]:
    """What each file imports, wherever in it."""
    return {
        path: [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        for path, tree in _trees().items()
    }


def _arrows() -> dict[tuple[str, str], set[str]]:
    """(importing, imported) packages and the files that do it."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path, nodes in _imports().items():
        own = path.parts[0].removesuffix(".py")
        for node in nodes:
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module == "mfu_planner":
                names = [f"mfu_planner.{a.name}" for a in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            for name in names:
                parts = name.split(".")
                if parts[0] == "mfu_planner" and len(parts) > 1 and parts[1] != own and own != "__init__":
                    found[own, parts[1]].add(str(path))
    return {k: v for k, v in found.items() if (PACKAGE / k[1]).is_dir() or (PACKAGE / f"{k[1]}.py").exists()}


def test_every_package_has_a_floor() -> None:
    """A new package or loose module is put on one."""
    there = {p.name.removesuffix(".py") for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert there - {"__init__"} <= {name for names in FLOORS.values() for name in names.split()}


def test_nothing_imports_from_a_floor_above() -> None:
    """But for what is still open."""
    floor = {name: number for number, names in FLOORS.items() for name in names.split()}
    upwards = {pair: files for pair, files in _arrows().items() if floor[pair[0]] < floor[pair[1]]}
    assert {pair: files for pair, files in upwards.items() if pair not in OPEN} == {}


def test_packages_import_in_no_circle() -> None:
    """Whatever is imported can be understood without what imports it."""
    graph: dict[str, set[str]] = defaultdict(set)
    for importing, imported in _arrows():
        if (importing, imported) not in OPEN:
            graph[importing].add(imported)
    list(TopologicalSorter(graph).static_order())


def test_no_two_classes_share_a_name() -> None:
    """A reader who sees a class's name knows which one it is."""
    homes: dict[str, list[str]] = defaultdict(list)
    for path, tree in _trees().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(str(path))
    assert {name: files for name, files in homes.items() if len(files) > 1} == {}


def test_nothing_in_the_wheel_imports_what_is_left_out_of_it() -> None:
    """Tools of the project's own stay in the checkout; what a user calls does without them, wherever it imports."""
    root = PACKAGE.parent
    settings = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    left_out = [Path(p) for p in settings["tool"]["hatch"]["build"]["targets"]["wheel"]["exclude"]]
    assert all(list(root.glob(str(path))) for path in left_out)
    gone = {".".join(path.with_suffix("").parts) for path in left_out}
    for path, nodes in _imports().items():
        own = PACKAGE.name / path
        if any(own == each or each in own.parents for each in left_out):
            continue
        for node in nodes:
            names = {a.name for a in node.names}
            module = node.module if isinstance(node, ast.ImportFrom) else None
            imported = {module, *(f"{module}.{name}" for name in names)} if module else names
            assert not imported & gone, f"{own}: {imported & gone}"
