"""Compute-optimal plans: the tokens of a model, the model of some tokens, or both from devices, time and money."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mfu_planner.answers.costs import price_of
from mfu_planner.errors import InputError, NoAnswer
from mfu_planner.questions.device_count import node_size
from mfu_planner.questions.model import model_of
from mfu_planner.questions.subject import Subject, resolve_subject
from mfu_planner.run import closed_forms, solve
from mfu_planner.run.scaling import (
    FLOPS_PER_PARAMETER,
    Suggestion,
    compute_optimal_params,
    compute_optimal_tokens,
    optimal_size,
)
from mfu_planner.units import HOUR

if TYPE_CHECKING:
    from mfu_planner.questions.runs import PlanQuestion

_ROUNDS = 20
_START_MFU = 0.4
"""Where the search for a size and the MFU of runs of that size begins; the end does not depend on it."""
_WHOLE = 1e-9


def at_optimum(s: PlanQuestion) -> tuple[PlanQuestion, Suggestion]:
    """The question with the tokens, or with size and tokens, that its law says, and what the law said.

    Raises
    ------
    InputError
        An unknown law; a model and tokens both given; too little to know the compute.
    NoAnswer
        The budget does not pay for one node.
    """
    try:
        return _by_law(s)
    except InputError as error:
        if error.field != "law":
            raise
        raise InputError("optimal", error.given, error.accepted, error.nearest) from None


def _by_law(s: PlanQuestion) -> tuple[PlanQuestion, Suggestion]:
    named = any(v is not None for v in (s.model, s.config, s.params))
    if named and s.tokens is not None:
        raise InputError("optimal", s.optimal, "a model or tokens beside it, not both: nothing is left to choose")
    if named:
        found = compute_optimal_tokens(_active(s), s.optimal)
        return s.changed(tokens=found.tokens), found
    if s.tokens is not None:
        found = compute_optimal_params(s.tokens, s.optimal)
        return s.changed(params=_size(found)), found
    return _of_compute(s)


def _active(s: PlanQuestion) -> int:
    model = model_of(s)
    if model.work_unit != "token":
        raise InputError("optimal", model.name, "a model that is trained on tokens: the laws are of language models")
    return model.active_params


def _size(found: Suggestion) -> int:
    return max(1, round(found.params))


def _of_compute(s: PlanQuestion) -> tuple[PlanQuestion, Suggestion]:
    """Size and tokens of the most compute that devices, deadline and budget allow."""
    subject = resolve_subject(s, model_needed=False)
    if s.mfu is not None:
        return _at_mfu(s, subject, s.mfu)
    mfu, seen = _START_MFU, set[float]()
    while True:
        question, found = _at_mfu(s, subject, mfu)
        reached = _typical(subject, _size(found))
        if reached == mfu or reached in seen or len(seen) >= _ROUNDS:
            return _without_limits(question), found
        seen.add(reached)
        mfu = reached


def _without_limits(s: PlanQuestion) -> PlanQuestion:
    """The limits gave the compute: beside the devices they would give the MFU a second time."""
    return s if s.devices is None else s.changed(deadline=None, budget=None)


def _typical(subject: Subject, params: int) -> float:
    """The middle of what published runs of a size reached on the hardware."""
    from mfu_planner.published.similar import similar_runs

    if subject.accelerator is None:
        raise InputError("mfu", "nothing", "an MFU such as 40%: published runs are known by --hardware only")
    found = similar_runs(params, subject.accelerator.id, devices=subject.devices, dtype=subject.peak_dtype)
    if found is None:
        raise InputError(
            "mfu", "nothing", f"an MFU such as 40%: fewer than three runs of {params / 1e9:.3g}B are on file for it"
        )
    return found.typical


def _at_mfu(s: PlanQuestion, subject: Subject, mfu: float) -> tuple[PlanQuestion, Suggestion]:
    price = price_of(s, subject).usd_per_device_hour
    known = {
        "mfu": mfu,
        "peak_flops_per_s": subject.peak_flops_per_s,
        "goodput": 1.0 if s.goodput is None else s.goodput,
    }
    if price is not None:
        known["price_usd_per_device_s"] = price / HOUR
    limits = {n: v for n, v in (("training_time_s", s.deadline), ("cost_usd", s.budget)) if v is not None}
    devices = subject.devices
    if devices is None and len(limits) == 2:
        devices = _devices(s, subject, known | limits)
    if devices is not None:
        known["devices"] = float(devices)
    found = [_compute(known | {name: limit}) for name, limit in limits.items()]
    compute = min((c for c in found if c is not None), default=None)
    if compute is None:
        raise InputError(
            "optimal", s.optimal, "a --model, or --tokens, or the compute: --budget, or --devices with --deadline"
        )
    law = optimal_size(compute, s.optimal)
    question = s.changed(params=_size(law), tokens=compute / (FLOPS_PER_PARAMETER * _size(law)))
    return (question if devices == subject.devices else question.changed(devices=devices)), law


def _compute(known: dict[str, float]) -> float | None:
    """Model FLOPs that a limit allows; None where it does not say."""
    spent = {**known, "flops_per_token": 1.0}
    return solve(spent)["total_flops"] if "total_flops" in closed_forms(frozenset(spent)).solved else None


def _devices(s: PlanQuestion, subject: Subject, known: dict[str, float]) -> int:
    """Whole nodes that the budget pays for until the deadline."""
    if "price_usd_per_device_s" not in known:
        raise InputError("budget", s.budget, "also a --price: none is on file for this hardware")
    node = node_size(s, subject.accelerator) or 1
    nodes: int = math.floor(solve(known)["devices"] / node * (1 + _WHOLE))
    if nodes < 1:
        raise NoAnswer(f"the budget does not pay for one node of {node} until the deadline: give a larger one")
    return nodes * node
