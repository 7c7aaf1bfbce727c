"""Formulas as the code states them: the docstring's equation, its symbols' units, its validity and its source."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

from docstrings import cell, items, markdown, read, references


def formula(dotted: str) -> str:
    """One function: what it gives, its equation, its arguments with units, where it holds, where it comes from."""
    doc = read(_find(dotted))
    lines = [f"**`{dotted.removeprefix('mfu_planner.')}`** {markdown(doc.summary)}\n"]
    lines += [f"$$\n{equation(part)}\n$$\n" for m in doc.math for part in m.split(";")]
    described = items(doc.sections.get("Parameters", ""))
    if described:
        lines += ["| argument | meaning |", "| --- | --- |"]
        lines += [f"| `{name.replace(', ', '`, `')}` | {cell(text)} |" for name, _, text in described]
        lines.append("")
    lines += [f"{markdown(t)}\n" for t in (doc.text, doc.sections.get("Notes", "")) if t]
    if source := references(doc):
        lines.append(f"Source: {source}.\n")
    return "\n".join(lines)


_SIZES = {"chunk": 4, "groups": 2, "kv_heads": 2, "active": 2}
"""Sizes that divide as they do in models; every other is 8, and a sequence has 16 positions."""


def equation(text: str) -> str:
    """An equation of a docstring in LaTeX: it is written as an expression, which a test compares with the code."""
    if "\\" in text:
        return text.strip()
    import sympy

    left, _, right = text.partition("=")
    names = {name: sympy.Symbol(name) for name in re.findall(r"[A-Za-z_]\w*", right) if not hasattr(sympy, name)}
    names |= {name: sympy.Symbol(name) for name in ("B", "N", "S", "E", "I", "Q", "beta", "gamma")}
    shown = sympy.latex(sympy.sympify(right, locals=names, evaluate=False), order="none")
    name = left.strip()
    word = r"\text{" + name.replace("_", " ") + "}"
    return f"{name if len(name) == 1 else word} = {shown}"


def operators() -> str:
    """What each operator counts forward, read off its code with letters for its sizes."""
    from mfu_planner import operators as home

    rows = ["| operator | what it is | forward FLOP of a batch |", "| --- | --- | --- |"]
    for name in home.__all__:
        kind = getattr(home, name)
        if not (isinstance(kind, type) and issubclass(kind, home.Operator)) or kind in (home.Operator, home.Scan):
            continue
        reference, published = (forward(kind, published=p) for p in (False, True))
        counted = reference if reference == published else f"{reference}; over allowed pairs, as published: {published}"
        rows.append(f"| `{name}` | {cell(markdown(read(kind).summary))} | {cell(counted)} |")
    return "\n".join(rows)


def forward(kind: type, *, published: bool) -> str:
    """The forward FLOP of a kind of operator on b sequences of s positions."""
    from dataclasses import MISSING, fields

    from mfu_planner.numeric.formula import text
    from mfu_planner.numeric.letters import letter
    from mfu_planner.numeric.paper import paper
    from mfu_planner.operators import Workload

    shown = [f.name for f in fields(kind) if f.type == "int" and (f.default is MISSING or f.name in _SIZES)]
    sizes = {name: letter(_SIZES.get(name, 8), name) for name in shown}
    work = Workload(letter(3, "b"), letter(16, "s"), allowed_pairs_only=published)
    return text(paper(kind(name=kind.__name__, **sizes).forward_flops(work))).replace("·", " · ")


def quantities() -> str:
    """The quantities of a run."""
    from mfu_planner.run import QUANTITIES

    rows = ["| symbol | name | unit | meaning |", "| --- | --- | --- | --- |"]
    rows += [f"| ${q.symbol}$ | `{q.name}` | {q.unit or '1'} | {cell(q.meaning)} |" for q in QUANTITIES.values()]
    return "\n".join(rows)


def relations() -> str:
    """The equations of a run."""
    from mfu_planner.run import QUANTITIES, RELATIONS, SUMS

    rows = ["| equation | in words |", "| --- | --- |"]
    for r in RELATIONS:
        right = r" \cdot ".join(QUANTITIES[n].symbol for n in r.right)
        rows.append(f"| ${QUANTITIES[r.left].symbol} = {right}$ | {cell(r.says)} |")
    for each in SUMS:
        parts = " + ".join(QUANTITIES[n].symbol for n in each.parts)
        rows.append(f"| ${QUANTITIES[each.whole].symbol} = {parts}$ | {cell(each.says)} |")
    return "\n".join(rows)


def _find(dotted: str) -> Any:
    home, _, name = dotted.rpartition(".")
    return getattr(import_module(home), name)
