"""The equation that a docstring states, from its paper, is what the function computes."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from mfu_planner.operators import Attention, Workload
from mfu_planner.run.goodput import checkpoint_interval, goodput
from mfu_planner.step.collectives import across_nodes_time, in_node_time
from mfu_planner.step.exchange import offload_time
from mfu_planner.step.kernels import cast_time, fused_attention_time, product_time
from mfu_planner.step.memory import block_bytes
from mfu_planner.step.pipeline import pipeline_bubble, pipeline_time
from mfu_planner.step.schedules import DUALPIPE, ONE_FORWARD_ONE_BACKWARD, ZERO_BUBBLE, fill_share

Letters = SimpleNamespace


def link(x: Letters) -> Any:
    """A link's constants."""
    return Letters(start_s=x.t_0, hop_s=x.t_h, bandwidth_bytes_per_s=x.B, ramp_bytes=x.S_r)


def fabric(x: Letters) -> Any:
    """A network's constants."""
    return Letters(
        nic_bytes_per_s=x.B_nic, efficiency=x.e, start_s=x.t_0, hop_s=x.t_h, most_hops=x.h, bucket_bytes=x.S_b
    )


def rate(x: Letters) -> Any:
    """A device's constants for products."""
    return Letters(
        tile_rows=x.T_m, tile_columns=x.T_n, least_tile=x.g, units=x.U, wave_loss=x.q, depth_overhead=x.k_0,
        fixed_s=x.t_0,
        efficiency=x.e, peak_flops_per_s=x.P, bandwidth_bytes_per_s=x.B, input_bytes=x.b, output_bytes=x.b_o,
    )  # fmt: skip


def unfused_block(x: Letters) -> Any:
    """The bytes of a block that keeps k elements for each of T rows, and the scores of its attention."""
    rows = Letters(count=lambda work: x.T)
    kept = Letters(
        kept=((rows, x.k_whole, x.k_split),),
        layered=False,
        operators=(Attention(name="scores", heads=x.a, kv_heads=1, qk_dim=1, v_dim=1),),
    )
    space = Letters(
        layout=Letters(tp=x.t, spread=x.u),
        work=Workload(x.b, x.s),
        machine=Letters(element_bytes=2.0, low_precision=False),
        constants=Letters(score_bytes=5.0),
        stack=Letters(dropout=False, fused_attention=False),
    )
    return block_bytes(kept, space)[1]


STATED: dict[tuple[Any, str], Callable[[Letters], Any]] = {
    (in_node_time, "t"): lambda x: in_node_time(x.S, x.g, x.f, link(x)),
    (across_nodes_time, "t"): lambda x: across_nodes_time(x.S, x.g, x.l, x.f, link(x), fabric(x)),
    (fused_attention_time, "t"): lambda x: fused_attention_time(x.F, x.s, x.P, x.phi, x.s_r, x.t_0),
    (cast_time, "t"): lambda x: cast_time(x.n, x.b, x.B, x.f),
    (product_time, "t"): lambda x: product_time(x.m, x.n, x.k, rate(x)),
    (offload_time, "t"): lambda x: offload_time(x.N, x.b, x.B_h),
    (pipeline_bubble, "bubble"): lambda x: pipeline_bubble(x.p, x.m, x.v),
    (pipeline_time, "T"): lambda x: pipeline_time(x.s_max, x.s_sum, x.m, x.phi),
    (fill_share, "interleaved"): lambda x: fill_share(ONE_FORWARD_ONE_BACKWARD, x.p, x.v, x.B, x.W),
    (fill_share, "zero_bubble"): lambda x: fill_share(ZERO_BUBBLE, x.p, x.v, x.B, x.W),
    (fill_share, "dualpipe"): lambda x: fill_share(DUALPIPE, x.p, x.v, x.B, x.W),
    (checkpoint_interval, "T"): lambda x: checkpoint_interval(x.delta, x.lamda),
    (block_bytes, "M"): unfused_block,
    (goodput, "G"): lambda x: goodput(x.delta, x.R, x.T, x.lamda),
}
SPREAD = {"B_nic": 1.0, "B": 5.0, "W": 0.4, "q": 0.9, "P": 40.0}
"""Where a letter's values lie highest: so that both sides of every minimum and maximum are met."""


@cache
def stated_by(function: Any, name: str) -> tuple[tuple[str, ...], Callable[..., float]]:
    """The letters of an equation, and it as a function of them."""
    expression = equations(function)[name]
    letters = sorted(expression.free_symbols, key=str)
    return tuple(map(str, letters)), sympy.lambdify(letters, expression, "math")


def equations(function: Any) -> dict[str, Any]:
    """Every equation that a docstring states, with what was defined before put in."""
    found: dict[str, Any] = {}
    for block in re.findall(r"\.\. math::(.*?)\n\s*\n", f"{function.__doc__}\n\n", re.DOTALL):
        for line in block.split(";"):
            left, _, right = line.partition("=")
            names = {n: sympy.Symbol(n, positive=True) for n in re.findall(r"[A-Za-z_]\w*", right)}
            calls = {n: getattr(sympy, n) for n in ("Min", "Max", "ceiling", "sqrt")}
            found[left.strip()] = sympy.sympify(right.strip(), locals={**names, **calls}).subs(
                {sympy.Symbol(n, positive=True): value for n, value in found.items()}
            )
    return found


@pytest.mark.parametrize("stated", STATED, ids=lambda s: f"{s[0].__name__}-{s[1]}")
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_the_code_is_the_docstrings_equation(stated: tuple[Any, str], data: Any) -> None:
    """At any values of its letters."""
    names, equation = stated_by(*stated)
    values = {n: data.draw(st.floats(0.05, SPREAD.get(n, 20.0)), label=n) for n in names}
    if "g" in values:
        values["g"] += 1.5
    every = Letters(**{**dict.fromkeys(["B_nic", "B", "S_r", "S_b", "q", "k_0", "v", "p", "W", "t_0"], 1.0), **values})
    assert STATED[stated](every) == pytest.approx(equation(*(values[n] for n in names)), rel=1e-9, abs=1e-12)
