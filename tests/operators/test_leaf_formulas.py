"""Each operator's count, read off its code with letters, against the formula that its docstring or paper states."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sympy

from mfu_planner.numeric.formula import sympy_of
from mfu_planner.numeric.letters import letter
from mfu_planner.numeric.paper import paper
from mfu_planner.operators import (
    ALL,
    CAUSAL,
    Attention,
    Convolution,
    GatedDeltaRule,
    Lookup,
    MaskKind,
    MatMul,
    Norm,
    SelectiveScan,
    Similarity,
    StateSpaceDual,
    Workload,
)
from mfu_planner.operators.attention import Mask


def read_off(value: Any) -> Any:
    """A traced count as a polynomial in plain symbols."""
    found = sympy_of(paper(value))
    return sympy.expand(found.xreplace({s: sympy.Symbol(s.name) for s in found.free_symbols}))


def stated(text: str) -> Any:
    """A formula as its source states it."""
    names = set(re.findall(r"[A-Za-z_]\w*", text))
    return sympy.expand(sympy.sympify(text, locals={n: sympy.Symbol(n) for n in names}))


def sized(**sizes: int) -> dict[str, Any]:
    """Letters named as their fields are."""
    return {name: letter(value, name) for name, value in sizes.items()}


WORK = Workload(letter(3, "b"), letter(16, "s"))
LINEAR = MatMul(name="x", **sized(inputs=5, outputs=7, active=2, copies=9))
SCORES: dict[str, Any] = sized(heads=4, kv_heads=2, qk_dim=6, v_dim=5)
SCAN = StateSpaceDual(name="x", **sized(heads=6, head_dim=5, groups=2, state=7, chunk=4))
DELTA = GatedDeltaRule(name="x", **sized(key_heads=2, value_heads=6, key_dim=5, value_dim=7, chunk=4))


@pytest.mark.parametrize(
    ("counted", "formula"),
    [
        (LINEAR.forward_flops(WORK), "2*b*s*active*inputs*outputs"),
        (LINEAR.backward_flops(WORK), "4*b*s*active*inputs*outputs"),
        (LINEAR.params, "copies*inputs*outputs"),
        (MatMul(name="x", bias=True, **sized(inputs=5, outputs=7, active=2, copies=9)).active_params,
         "active*(inputs*outputs + outputs)"),
        (Convolution(name="x", **sized(in_channels=6, out_channels=10, kernel=9, groups=2)).forward_flops(WORK),
         "2*b*s*out_channels*in_channels*kernel/groups"),
        (Attention(name="x", mask=ALL, **SCORES).forward_flops(WORK.allowed()), "2*b*s**2*heads*(qk_dim + v_dim)"),
        (Attention(name="x", mask=CAUSAL, **SCORES).forward_flops(WORK.allowed()),
         "b*s*(s + 1)*heads*(qk_dim + v_dim)"),
        (Attention(name="x", mask=Mask(MaskKind.WINDOW, letter(5, "W")), **SCORES).backward_flops(WORK.allowed()),  # type: ignore[arg-type]
         "4*b*heads*(qk_dim + v_dim)*(W*(W + 1)/2 + (s - W)*W)"),
        (Attention(name="x", mask=Mask(MaskKind.CHUNK, letter(8, "C")), **SCORES).forward_flops(WORK.allowed()),  # type: ignore[arg-type]
         "b*heads*(qk_dim + v_dim)*s*(C + 1)"),
        # Gu and Dao 2023, arXiv:2312.00752, algorithm 2: the state is read out by C, once a position
        (SelectiveScan(name="x", **sized(channels=6, state=7)).forward_flops(WORK), "2*b*s*channels*state"),
        # Dao and Gu 2024, arXiv:2405.21060, section 6: C·B per group and times X per head inside chunks of q positions;
        # the chunks' states, and their way out
        (SCAN.forward_flops(WORK.allowed()),
         "b*(2*s*chunk*(groups*state + heads*head_dim) + 4*s*heads*state*head_dim)"),
        # its listing 1, as transformers multiplies: C and B of every head, one product between chunks
        (SCAN.forward_flops(WORK),
         "b*(2*s*chunk*heads*(state + head_dim) + 4*s*heads*state*head_dim"
         " + 2*(s/chunk + 1)**2*heads*head_dim*state)"),
        # Yang, Kautz and Hatamizadeh 2024, arXiv:2412.06464, section 3.3
        (DELTA.forward_flops(WORK.allowed()),
         "b*s*(4*chunk*key_heads*key_dim + 2*chunk*value_heads*value_dim + 6*value_heads*key_dim*value_dim)"),
        (Similarity(name="x", **sized(width=6)).forward_flops(WORK), "2*b**2*width"),
        (Lookup(name="x", **sized(entries=6, width=5)).params, "entries*width"),
        (Norm(name="x", bias=True, **sized(width=5, copies=3)).params, "2*copies*width"),
    ],
)  # fmt: skip
def test_the_code_is_the_formula(counted: Any, formula: str) -> None:
    """As polynomials: a wrong factor, size or sign is seen whatever the sizes."""
    assert read_off(counted) == stated(formula)
