"""Deadline and budget: upper limits, taken as equalities only where they are needed to close the system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from mfu_planner.equations import closed_forms, contradictions, solve, would_determine
from mfu_planner.errors import InputError, NoAnswer
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
    violated: NoAnswer | None = None
    for size in range(len(limits) + 1):
        closing = []
        for binding in combinations(limits, size):
            known = {**given, **{name: limits[name] for name in binding}}
            refuse_contradiction(known)
            if known.keys() | closed_forms(frozenset(known)).solved.keys() >= WANTED:
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
    if found:
        worst = found[0]
        names = ", ".join(f"{n} = {known[n]:.6g}" for n in worst.names)
        raise InputError(
            "contradiction", names, f"values that agree; they are {abs(worst.off_by):.4%} apart: leave one out"
        )


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
            if known | {a, b} | closed_forms(known | {a, b}).solved.keys() >= WANTED
        ]
        accepted = "also " + " or ".join(pairs) if pairs else "more: tokens, devices and mfu, say"
    if "cost_usd" in known and "price_usd_per_device_s" not in known:
        accepted += " (--budget needs a --price)"
    words = ", ".join(sorted(LIMITS.get(n, n).replace("_", "-") for n in missing))
    return InputError("plan", f"too little to find {words}", accepted)
