"""Sequence mixers that carry a state: the Mamba, Mamba-2 and gated-delta-rule layers as lists of operators.

References
----------
.. [1] Gu and Dao 2023, arXiv:2312.00752 (Mamba).
.. [2] Dao and Gu 2024, arXiv:2405.21060 (Mamba-2).
.. [3] Yang, Kautz and Hatamizadeh 2024, arXiv:2412.06464 (gated delta rule).
"""

from __future__ import annotations

from typing import NamedTuple

from mfu_planner.architectures.config import Config
from mfu_planner.errors import InputError
from mfu_planner.numeric import floor
from mfu_planner.operators import (
    Convolution,
    Elementwise,
    GatedDeltaRule,
    MatMul,
    Norm,
    Operator,
    Role,
    SelectiveScan,
    Split,
    StateSpaceDual,
)


class StateSpace(NamedTuple):
    """Sizes of a Mamba-2 mixer."""

    heads: int
    head_dim: int
    groups: int
    state: int
    kernel: int
    chunk: int

    @property
    def inner(self) -> int:
        """Width inside the mixer."""
        return self.heads * self.head_dim


def product(
    name: str, inputs: int, outputs: int, split: Split, *, bias: bool = False, reads: str = "", role: Role = Role.SCAN
) -> MatMul:
    """A projection of a mixer."""
    return MatMul(name=name, inputs=inputs, outputs=outputs, bias=bias, role=role, split=split, reads=reads)


def causal_convolution(channels: int, kernel: int, *, bias: bool) -> tuple[Operator, ...]:
    """A short depthwise convolution over the past and its activation; the reference pads both ends, then cuts."""
    return (
        Convolution(
            name="conv1d",
            in_channels=channels,
            out_channels=channels,
            kernel=kernel,
            groups=channels,
            bias=bias,
            extra_positions=kernel - 1,
            split=Split.HEADS,
        ),
        Elementwise(name="conv_activation", width=channels, kept=1, split=Split.HEADS, role=Role.CONVOLUTION),
    )


def output_gate(width: int) -> Elementwise:
    """The mixer's output times an activated gate."""
    return Elementwise(name="output_gate", width=width, read=2, kept=2, split=Split.HEADS, role=Role.SCAN)


def mamba_mixer(
    hidden: int,
    inner: int,
    *,
    state: int,
    rank: int,
    kernel: int,
    proj_bias: bool,
    conv_bias: bool,
    inner_norms: bool = False,
) -> tuple[Operator, ...]:
    """The mixer of Mamba [1]_: step size (through ``rank``), B and C all come from the convolved input.

    ``inner_norms``: RMS norms with weights on step size, B and C (Jamba).
    """
    norms: tuple[Operator, ...] = ()
    if inner_norms:
        norms = (Norm(name="dt_norm", width=rank), Norm(name="b_norm", width=state), Norm(name="c_norm", width=state))
    return (
        product("in_proj", hidden, 2 * inner, Split.COLUMN, bias=proj_bias, reads="mixer_input"),
        *causal_convolution(inner, kernel, bias=conv_bias),
        product("x_proj", inner, rank + 2 * state, Split.ROW),
        *norms,
        product("dt_proj", rank, inner, Split.COLUMN, bias=True),
        SelectiveScan(name="scan", channels=inner, state=state, weights=inner * state + inner),
        output_gate(inner),
        product("out_proj", inner, hidden, Split.ROW, bias=proj_bias),
    )


def mamba2_mixer(
    hidden: int,
    s: StateSpace,
    *,
    proj_bias: bool,
    conv_bias: bool,
    out_bias: bool | None = None,
    gated_norm: bool = True,
    inner: int | None = None,
) -> tuple[Operator, ...]:
    """The mixer of Mamba-2 [2]_: one projection makes gate, input, B, C and step sizes; a norm before the way out."""
    inner = s.inner if inner is None else inner
    convolved = inner + 2 * s.groups * s.state
    norms: tuple[Operator, ...] = (Norm(name="gated_norm", width=inner, split=Split.HEADS),) if gated_norm else ()
    return (
        product("in_proj", hidden, inner + convolved + s.heads, Split.COLUMN, bias=proj_bias, reads="mixer_input"),
        *causal_convolution(convolved, s.kernel, bias=conv_bias),
        StateSpaceDual(
            name="scan",
            heads=s.heads,
            head_dim=s.head_dim,
            groups=s.groups,
            state=s.state,
            chunk=s.chunk,
            weights=3 * s.heads,
        ),
        output_gate(inner),
        *norms,
        product("out_proj", inner, hidden, Split.ROW, bias=proj_bias if out_bias is None else out_bias),
    )


def delta_mixer(
    hidden: int, *, key_heads: int, value_heads: int, key_dim: int, value_dim: int, kernel: int, fused: bool = True
) -> tuple[Operator, ...]:
    """The gated delta rule [3]_: convolved queries, keys and values, a decay and a step size per value head.

    ``fused``: two projections of the input, otherwise four.
    """
    keys, values = key_heads * key_dim, value_heads * value_dim
    outputs = {"qkvz": 2 * keys + 2 * values, "ba": 2 * value_heads}
    if not fused:
        outputs = {"qkv": 2 * keys + values, "z": values, "b": value_heads, "a": value_heads}
    return (
        *(product(f"in_proj_{k}", hidden, n, Split.COLUMN, reads="mixer_input") for k, n in outputs.items()),
        *causal_convolution(2 * keys + values, kernel, bias=False),
        GatedDeltaRule(
            name="scan",
            key_heads=key_heads,
            value_heads=value_heads,
            key_dim=key_dim,
            value_dim=value_dim,
            weights=2 * value_heads,
        ),
        Norm(name="gated_norm", width=value_dim, vectors=value_heads, split=Split.HEADS),
        output_gate(values),
        product("out_proj", values, hidden, Split.ROW),
    )


def state_space(
    c: Config, *, heads: int, head_dim: int, groups: int, state: int, kernel: int, chunk: int
) -> StateSpace:
    """The sizes, after checking that the groups divide the heads."""
    c.divides("state-space heads / groups", heads, groups)
    return StateSpace(heads, head_dim, groups, state, kernel, chunk)


def expanded(c: Config, hidden: int, *names: str) -> int:
    """The inner width ``expand`` × hidden."""
    factor = c.number(*names)
    width: int = floor(factor * hidden)
    if width < 1:
        raise InputError(f"{c.origin}: {names[0]}", factor, "a positive factor of the hidden width")
    return width


def step_rank(c: Config, hidden: int, name: str) -> int:
    """The rank of the step-size projection; "auto" means hidden / 16, rounded up."""
    return -(-hidden // 16) if c.raw(name, c.defaults.get(name)) in (None, "auto") else c.size(name)
