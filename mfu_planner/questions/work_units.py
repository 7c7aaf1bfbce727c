"""Tokens or samples: what a model's work is counted in, and what the user gave."""

from __future__ import annotations

from typing import Any, TypeVar

from mfu_planner.errors import InputError
from mfu_planner.questions.parts import BatchPart
from mfu_planner.questions.runs import MeasureQuestion, PlanQuestion
from mfu_planner.questions.subject import Subject
from mfu_planner.units import format_value

_READ = {
    "tokens": "token",
    "tokens_per_second": "token_per_s",
    "tokens_per_second_per_device": "token_per_s_per_device",
}


Rated = TypeVar("Rated", PlanQuestion, MeasureQuestion)


def in_work_units(s: Rated, subject: Subject, warnings: list[str]) -> Rated:
    """The question with sequences per second (or in all) turned into tokens, where the model counts tokens.

    Raises
    ------
    InputError
        Samples were given, and nothing says how many tokens one has.
    """
    changed: dict[str, Any] = {}
    for field in s.in_samples:
        value = getattr(s, field)
        if subject.model is not None and subject.model.work_unit == "sample":
            continue
        flag, units = field.replace("_", "-"), subject.units_per_sequence
        if units == 0:
            raise InputError(flag, f"{value:g} samples", "a number of tokens, or --seq-len beside it")
        changed[field] = value * units
        read = format_value(changed[field], _READ[field])
        warnings.append(f"{flag}: {value:g} sequences of {units:,} tokens are {read}")
    return s.changed(**changed) if changed else s


def batch_tokens(s: BatchPart, subject: Subject) -> float | None:
    """Work units in a global batch; None without one."""
    if s.global_batch_tokens is not None:
        return s.global_batch_tokens
    units = subject.units_per_sequence
    return None if s.global_batch is None or units == 0 else float(s.global_batch * units)
