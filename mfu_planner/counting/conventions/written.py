"""A convention's formula as its source writes it: read from its text, and turned into LaTeX."""

from __future__ import annotations

import re
from typing import Any

from mfu_planner.counting.conventions.definition import Convention

LETTERS = {
    "L": "layers",
    "h": "hidden size",
    "n": "heads",
    "g": "key-value heads",
    "d": "head size",
    "d_qk": "head size of queries and keys",
    "d_v": "head size of values",
    "f": "MLP width",
    "V": "vocabulary",
    "V_padded": "vocabulary rounded up",
    "T": "sequence length",
    "W": "window",
    "N": "parameters (of the experts that a token visits)",
    "N_token": "parameters of the token table",
    "N_position": "parameters of the position table",
    "N_head": "parameters of a head of its own",
    "N_linear": "weights of the linear layers",
}
"""The letters of the sources' formulas."""


def expression(convention: Convention) -> Any:
    """The formula as sympy holds it, in the order in which it is written."""
    import sympy

    names = set(re.findall(r"[A-Za-z_]\w*", convention.formula)) & LETTERS.keys()
    return sympy.sympify(convention.formula, locals={name: sympy.Symbol(name) for name in names}, evaluate=False)


def latex(convention: Convention) -> str:
    """The formula in LaTeX, made from its text."""
    import sympy

    return str(sympy.latex(expression(convention), order="none"))
