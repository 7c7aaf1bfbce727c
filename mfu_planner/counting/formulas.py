"""The formulas of a model's work, read off the count: parameters, FLOP by pass, by convention and by operator group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

from mfu_planner.architectures.lettering import Letters
from mfu_planner.architectures.model import Architecture
from mfu_planner.counting.conventions.definition import Convention
from mfu_planner.counting.conventions.evaluate import batch_flops, convention, names, per_unit, why_not, work_units
from mfu_planner.counting.conventions.parts import contributions
from mfu_planner.counting.count import model_work
from mfu_planner.numeric import formula as writing
from mfu_planner.numeric import is_symbolic
from mfu_planner.numeric.letters import Letter, plain
from mfu_planner.numeric.paper import joined, paper, terms
from mfu_planner.operators import Workload
from mfu_planner.run.frozen import Frozen

GROUPS_OF = "training_per_token"
"""The formula of which those of the operator groups are the parts."""
_LENGTHS = {"batch": "b", "seq_len": "s", "target_seq_len": "s_t", "images": "n_i", "clips": "n_a"}


class LetterValue(Frozen):
    """What a letter stands for."""

    name: str
    value: int | float
    definition: str = ""
    """What it follows from, where it does (``d/n``)."""


class FormulaTerm(Frozen):
    """One term of a formula's sum."""

    text: str
    latex: str
    value: int | float
    share: float
    """Of the whole."""


class Formula(Frozen):
    """A formula in the field's letters, derived from the operators that are counted."""

    expression: str
    """What ``sympy.sympify`` reads, the letters given as symbols."""
    text: str
    """For people."""
    latex: str
    letters: dict[str, LetterValue]
    conditions: tuple[str, ...]
    """What must hold of lengths and sizes (``W ≤ s``), and the switches of the config."""
    value: int | float
    """The expression at the letters' values: integers exactly."""
    terms: tuple[FormulaTerm, ...]


def lettered(work: Workload, letters: Letters, architecture: Architecture) -> Workload:
    """A batch with letters for its lengths; a length that the model fixes is the model's."""
    shown = {
        name: letters.of(letter, value, said=str(value) if is_symbolic(value) else "")
        for name, letter in _LENGTHS.items()
        if (value := getattr(work, name)) != 0 and not isinstance(value, Letter)
    }
    if architecture.fixed_length is not None and not architecture.has_text:
        shown["seq_len"] = architecture.fixed_length
    return replace(work, **shown)


def traced(architecture: Architecture, work: Workload, chosen: Convention) -> dict[str, Any]:
    """Every formula of a lettered model on a lettered batch, by name.

    ``params``, ``active_params``; ``forward``, ``backward`` and ``training`` of the batch; ``training_per_token`` (per
    work unit) under the chosen convention and, by its name, under every other; each operator group's part of it.
    """
    units = work_units(architecture, work)
    exact = chosen if chosen.exact else convention("full")
    counted = model_work(architecture, work.allowed() if exact.name == "causal" else work)
    found: dict[str, Any] = {
        "params": architecture.params,
        "active_params": architecture.active_params,
        "forward": counted.forward,
        "backward": counted.backward,
        "training": batch_flops(chosen, architecture, work),
    }
    found[GROUPS_OF] = per_unit(found["training"], units)
    for name in dict.fromkeys((*names(), chosen.name)):
        if not why_not(convention(name), architecture):
            found[name] = per_unit(batch_flops(convention(name), architecture, work), units)
    return found


def groups(architecture: Architecture, work: Workload, chosen: Convention) -> dict[str, Any]:
    """Training FLOP per work unit of each operator group (attention, mlp, expert, head, …) under a convention."""
    units = work_units(architecture, work)
    totals: dict[str, Any] = {}
    for each in contributions(chosen, architecture, work):
        role = str(each.operator.role)
        totals[role] = totals.get(role, 0) + each.flops
    return {role: per_unit(total, units) for role, total in totals.items() if plain(total)}


def shown(formula: Any, said: Iterable[str] = ()) -> Formula:
    """A traced value as people and programs read it; ``said``: further conditions."""
    parts = terms(formula)
    whole = joined(parts)
    total = float(plain(whole))
    return Formula(
        expression=writing.code(whole),
        text=writing.text(whole),
        latex=writing.latex(whole),
        letters={name: _letter(each) for name, each in writing.letters(whole).items()},
        conditions=(*writing.conditions(formula), *said),
        value=number(plain(whole)),
        terms=tuple(
            FormulaTerm(
                text=writing.text(term),
                latex=writing.latex(term),
                value=number(plain(term)),
                share=float(plain(term)) / total if total else 0.0,
            )
            for term in parts
        ),
    )


def switches(letters: Letters) -> Iterator[str]:
    """The switches of the config under which its formulas hold."""
    return (f"{name}: {value}" for name, value in sorted(letters.said.items()) if value)


def number(value: Any) -> int | float:
    """An exact value as JSON holds it: an integer where it is one."""
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else float(value)
    return int(value) if isinstance(value, int) else float(value)


def _letter(each: Letter) -> LetterValue:
    symbol = each.arguments[0]
    definition = writing.text(paper(each.arguments[1])) if each.operation == "named" else ""
    return LetterValue(name=symbol.meaning or symbol.name, value=number(each.value), definition=definition)
