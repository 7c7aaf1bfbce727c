"""Showing a convention: its formula, then each term with the model's numbers put in."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from mfu_planner.architectures.model import Architecture
from mfu_planner.counting.conventions.definition import Convention, Pairs, Weights
from mfu_planner.counting.conventions.evaluate import convention as by_name
from mfu_planner.counting.conventions.evaluate import flops_per_unit, per_unit, work_units
from mfu_planner.counting.conventions.parts import Contribution, Part, contributions, twice_pairs
from mfu_planner.numeric import Number
from mfu_planner.operators import Attention, Workload

if TYPE_CHECKING:
    from mfu_planner.run.show import Derived

_FORMULAS = {
    Part.ATTENTION: "passes · 2 · layers · heads · (d_qk + d_v) · keys per token",
    Part.SOFTMAX: "passes · 3 · layers · heads · keys per token",
    Part.SCAN: "passes · forward FLOP of the scans",
}


def explain(
    convention: Convention | str, architecture: Architecture, work: Workload, *, tensor_parallel: int = 1
) -> tuple[Derived, ...]:
    """The terms of a convention for a model, then their sum: formula, numbers put in, value per work unit.

    Raises
    ------
    InputError
        Where the convention says nothing about this architecture.
    """
    from mfu_planner.run.show import Derived

    chosen = by_name(convention) if isinstance(convention, str) else convention
    total = flops_per_unit(architecture, work, chosen, tensor_parallel=tensor_parallel)
    units, unit = work_units(architecture, work), f"FLOP/{architecture.work_unit}"
    groups: dict[Part, list[Contribution]] = {}
    for each in contributions(chosen, architecture, work, tensor_parallel=tensor_parallel):
        groups.setdefault(each.part, []).append(each)
    steps = []
    for part, members in groups.items():
        value = per_unit(sum(m.flops for m in members), units)
        if not value:
            continue
        steps.append(
            Derived(
                name=str(part),
                meaning=_meaning(chosen, part),
                formula=_FORMULAS.get(part, _weight_formula(chosen)),
                formula_of=(),
                substituted=_substituted(chosen, part, members, value, units, work),
                value=float(value),
                unit=unit,
                source=str(chosen.source),
            )
        )
    steps.append(
        Derived(
            name="flops_per_token" if architecture.work_unit == "token" else "flops_per_sample",
            meaning=chosen.title,
            formula=chosen.formula,
            formula_of=tuple(s.name for s in steps),
            substituted=" + ".join(f"{s.value:,.0f}" for s in steps) or "0",
            value=float(total),
            unit=unit,
            source=str(chosen.source),
        )
    )
    return tuple(steps)


def _meaning(convention: Convention, part: Part) -> str:
    if part is Part.ATTENTION:
        return f"{part}: {convention.pairs.value}"
    if part is Part.HEAD and convention.padded_vocab:
        return f"{part}: vocabulary padded to a multiple of {convention.padded_vocab} × tensor-parallel size"
    return str(part)


def _weight_formula(convention: Convention) -> str:
    if convention.exact:
        return "(forward + needed gradients) · 2 · weights per token"
    counted = "parameters" if convention.weights is Weights.PARAMETERS else "weights per token"
    return f"{_plain(convention.passes)} passes · 2 · {counted}"


def _substituted(
    convention: Convention, part: Part, members: list[Contribution], value: Number, units: Number, work: Workload
) -> str:
    if part is Part.ATTENTION:
        return " + ".join(dict.fromkeys(_attention(convention, m, units, work) for m in members if m.flops))
    if part in _FORMULAS:
        return f"{_plain(convention.passes)} × {_plain(value / convention.passes)}"
    return f"{_plain(2 * convention.passes)} × {_plain(Fraction(value) / (2 * convention.passes))}"


def _attention(convention: Convention, member: Contribution, units: Number, work: Workload) -> str:
    op = member.operator
    assert isinstance(op, Attention)
    pairs = Pairs.ALL if convention.pairs is Pairs.NONE else convention.pairs
    keys = per_unit(twice_pairs(pairs, op, work), 2 * units)
    sizes = f"{member.block.count} layers × {op.heads} heads × ({op.qk_dim} + {op.v_dim})"
    return f"{_plain(convention.attention_passes)} × 2 × {sizes} × {_plain(keys)} keys"


def _plain(value: Number) -> str:
    """A number for people: whole where it is whole, else up to four decimals."""
    number = float(value)
    return f"{number:,.0f}" if number.is_integer() else f"{number:,.4f}".rstrip("0")
