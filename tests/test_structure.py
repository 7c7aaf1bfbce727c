"""The house: a package imports from its own floor and those below, no circles, one class to a name."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "mfu_planner"
FLOORS = {
    1: "errors later numeric",
    2: "units facts",
    3: "operators run",
    4: "hardware published architectures carbon",
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


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE), ast.parse(path.read_text("utf-8"))


def _arrows() -> dict[tuple[str, str], set[str]]:
    """(importing, imported) packages and the files that do it, wherever in a file."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path, tree in _trees():
        own = path.parts[0].removesuffix(".py")
        for node in ast.walk(tree):
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
    for path, tree in _trees():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(str(path))
    assert {name: files for name, files in homes.items() if len(files) > 1} == {}
