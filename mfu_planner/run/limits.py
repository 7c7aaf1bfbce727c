"""Deadline and budget: upper limits, taken as equalities only where they are needed to close the system."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from mfu_planner.errors import InputError, NoAnswer
from mfu_planner.run.solve import closed_forms, contradictions, number, solve, would_determine
from mfu_planner.units import format_value

WANTED = frozenset({"tokens", "devices", "mfu", "training_time_s"})
"""A plan is closed when these are determined."""
LIMITS = {"training_time_s": "deadline", "cost_usd": "budget"}
_ADVICE = {
    "tokens": "--tokens",
    "devices": "--devices",
    "mfu": "--mfu",
    "training_time_s": "--deadline",
    "cost_usd": "--budget",
}
_DIMENSION = {"training_time_s": "time", "cost_usd": "usd"}
_FLAGS = {
    "mfu": ("mfu", "fraction"),
    "tokens_per_s": ("tokens-per-second", "token_per_s"),
    "tokens_per_s_per_device": ("tokens-per-second-per-device", "token_per_s_per_device"),
    "achieved_flops_per_s_per_device": ("flops-per-second-per-device", "flop_per_s"),
    "device_time_s": ("device-hours", "device_time"),
    "tokens": ("tokens", "token"),
    "devices": ("devices", "count"),
    "goodput": ("goodput", "fraction"),
    "step_time_s": ("step-time", "time"),
    "tokens_per_step": ("global-batch", "token"),
}
"""What a user gives, by quantity: its flag and dimension; the first of several that disagree is told as the odd one."""
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Closed:
    """A determined plan and the limits that were taken as equalities."""

    values: dict[str, float]
    binding: tuple[str, ...]


def close(given: Mapping[str, float], limits: Mapping[str, float]) -> Closed:
    """Solve with as few limits as possible as equalities, all others holding as limits.

    Raises
    ------
    InputError
        Too little is given (says what else is needed), or the given values contradict.
    NoAnswer
        A limit cannot be met.
    """
    refuse_contradiction(given)
    settled = solve(given)
    broken = _broken(settled, limits)
    if broken is not None:
        raise _cannot_meet(settled, limits, broken)
    violated: NoAnswer | None = None
    for size in range(len(limits) + 1):
        closing = []
        for binding in combinations([n for n in limits if n not in settled], size):
            known = {**given, **{name: limits[name] for name in binding}}
            if contradictions(known):
                continue
            if WANTED.issubset({*known, *closed_forms(frozenset(known)).solved}):
                closing.append(Closed(solve(known), binding))
        for closed in closing:
            broken = _broken(closed.values, limits)
            if broken is None:
                return closed
            violated = violated or _cannot_meet(closed.values, limits, broken)
        if closing:
            break
    if violated is not None:
        raise violated
    raise _too_little(given, limits)


def _broken(values: Mapping[str, float], limits: Mapping[str, float]) -> str | None:
    for name, limit in limits.items():
        if name in values and values[name] > limit * (1 + _ROUNDING):
            return name
    return None


def _cannot_meet(values: Mapping[str, float], limits: Mapping[str, float], name: str) -> NoAnswer:
    dimension = _DIMENSION[name]
    change = (
        "give more devices, a higher MFU, fewer tokens or a later deadline"
        if name == "training_time_s"
        else "give a larger budget, a lower price, a higher MFU or fewer tokens"
    )
    return NoAnswer(
        f"{LIMITS[name]} {format_value(limits[name], dimension)} cannot be met: the run takes "
        f"{format_value(values[name], dimension)}; {change}"
    )


def refuse_contradiction(known: Mapping[str, float]) -> None:
    """Raise where given values disagree, saying which and by how much."""
    found = contradictions(known)
    if not found:
        return
    names = [n for n in _FLAGS if n in found[0].names]
    odd, others = names[0], names[1:]
    implied = number(closed_forms(frozenset(known) - {odd}).solved[odd], known)
    said = ", ".join(f"--{_FLAGS[n][0]} {_shown(n, known[n])}" for n in others) or "the work and the peak"
    raise InputError(
        _FLAGS[odd][0],
        _shown(odd, known[odd]),
        f"no contradiction: with {said} it is {_shown(odd, implied)}, {_apart(known[odd], implied)}; leave one out",
    )


def refuse_absurd(values: Mapping[str, float]) -> None:
    """Raise where the given values are so large or small that a result cannot be a number."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise InputError("values", f"{name.replace('_', '-')} beyond any number", "sizes that a run can have")


def _shown(name: str, value: float) -> str:
    return format_value(value, _FLAGS[name][1])


def _apart(given: float, implied: float) -> str:
    factor = given / implied if implied else math.inf
    return f"{abs(factor - 1):.2%} apart" if 0.5 <= factor <= 2 else f"a factor of {factor:.4g} apart"


def _too_little(given: Mapping[str, float], limits: Mapping[str, float]) -> InputError:
    known = frozenset(given) | frozenset(limits)
    missing = [n for n in WANTED if n not in known and n not in closed_forms(known).solved]
    single = would_determine(known, WANTED, tuple(_ADVICE))
    if single:
        accepted = "one more of: " + ", ".join(_ADVICE[n] for n in single)
    else:
        pairs = [
            f"{_ADVICE[a]} with {_ADVICE[b]}"
            for a, b in combinations([n for n in _ADVICE if n not in known], 2)
            if WANTED.issubset({*known, a, b, *closed_forms(known | {a, b}).solved})
        ]
        accepted = "also " + " or ".join(pairs) if pairs else "more: tokens, devices and mfu, say"
    if "cost_usd" in known and "price_usd_per_device_s" not in known:
        accepted += " (--budget needs a --price)"
    words = ", ".join(sorted(LIMITS.get(n, n).replace("_", "-") for n in missing))
    return InputError("plan", f"too little to find {words}", accepted)
