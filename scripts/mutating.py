"""Small mistakes of arithmetic: every change that a file allows, made one at a time on its syntax tree."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import CodeType

ROOT = Path(__file__).resolve().parents[1]
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


def every(package: str) -> Iterator[Mutant]:
    """All mutants of a package of ``mfu_planner``."""
    for path in sorted((ROOT / "mfu_planner" / package).glob("*.py")):
        changes = Changes()
        changes.visit(ast.parse(path.read_text("utf-8")))
        for place, (line, says) in enumerate(changes.found):
            yield Mutant(package, str(path.relative_to(ROOT)), place, line, says)


def code_of(mutant: Mutant) -> CodeType:
    """The file's module with the change made, its lines as they were."""
    path = ROOT / mutant.file
    tree = ast.parse(path.read_text("utf-8"))
    Changes(mutant.place).visit(tree)
    return compile(ast.fix_missing_locations(tree), str(path), "exec", dont_inherit=True)


def changed_functions(mutant: Mutant) -> dict[CodeType, CodeType]:
    """Code of functions as it is → as the mutant has it; empty for a change outside them or of a default."""
    pairs = zip(_functions(code_of(replace(mutant, place=-1))), _functions(code_of(mutant)), strict=True)
    return {plain: changed for plain, changed in pairs if plain != changed}


def _functions(code: CodeType) -> Iterator[CodeType]:
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            if inner.co_flags & inspect.CO_OPTIMIZED:  # the body of a class is not
                yield inner
            yield from _functions(inner)
