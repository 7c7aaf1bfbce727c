"""Closing a plan: what is known, the limits that it takes as equalities, whole nodes of devices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mfu_planner.answers.ranges import similar_to
from mfu_planner.errors import InputError, NoAnswer
from mfu_planner.questions.work_units import batch_tokens
from mfu_planner.run.limits import Closed, close, refuse_absurd
from mfu_planner.units import HOUR

if TYPE_CHECKING:
    from mfu_planner.answers.costs import Rates
    from mfu_planner.published.similar import Similar
    from mfu_planner.questions.runs import PlanQuestion
    from mfu_planner.questions.subject import Subject

WHOLE = 1e-9
"""What is so near to a whole number is one."""


def known_of(s: PlanQuestion, subject: Subject, prices: Rates, warnings: list[str]) -> dict[str, float]:
    """What is given or on file, in SI units, by the names of the run's relations; what was assumed is told."""
    assert subject.flops_per_token is not None
    known = {
        "flops_per_token": float(subject.flops_per_token),
        "peak_flops_per_s": subject.peak_flops_per_s,
        "goodput": 1.0 if s.goodput is None else s.goodput,
    }
    if s.goodput is None:
        warnings.append("goodput 1.0 assumed: no time lost to failures, restarts or checkpoints; --goodput changes it")
    price = prices.price.usd_per_device_hour
    optional = {
        "tokens": s.tokens,
        "devices": subject.devices,
        "mfu": s.mfu,
        "tokens_per_s": s.tokens_per_second,
        "tokens_per_s_per_device": s.tokens_per_second_per_device,
        "achieved_flops_per_s_per_device": s.flops_per_second_per_device,
        "price_usd_per_device_s": None if price is None else price / HOUR,
        "power_w": None if prices.watts is None else prices.watts.device * (prices.pue or 1.0),
        "tokens_per_step": batch_tokens(s, subject),
    }
    return known | {k: float(v) for k, v in optional.items() if v is not None}


def closed_on_any(
    s: PlanQuestion, subject: Subject, known: dict[str, float], limits: dict[str, float], node: int
) -> tuple[Closed, Similar | None, bool]:
    """The closed plan; where nothing says devices or time, on one node, since device time needs neither."""
    tried = dict(known)
    try:
        found, on_any = _closed(s, subject, tried, limits), False
    except InputError as error:
        if error.field != "plan" or subject.devices is not None or s.deadline is not None:
            raise
        tried = {**known, "devices": float(node)}
        try:
            found, on_any = _closed(s, subject, tried, limits), True
        except InputError:
            raise error from None
    known.update(tried)
    return *found, on_any


def _closed(
    s: PlanQuestion, subject: Subject, known: dict[str, float], limits: dict[str, float]
) -> tuple[Closed, Similar | None]:
    """The closed plan; where only an MFU is missing, at the middle of what similar published runs reached."""
    try:
        return close(known, limits), None
    except InputError as error:
        found = similar_to(subject, subject.devices) if error.field == "plan" and s.mfu is None else None
        if found is None and s.mfu is None and "--mfu" in error.accepted:
            told = "too few published runs like it are on file to answer without; --predict says one from a layout"
            raise InputError(error.field, error.given, f"{error.accepted} ({told})", error.nearest) from None
        if found is None:
            raise
    known["mfu"] = found.typical
    return close(known, limits), found


def whole_devices(
    exact: Closed, known: dict[str, float], limits: dict[str, float], subject: Subject, node: int
) -> tuple[Closed, dict[str, float]]:
    """Round solved-for devices to whole nodes (up for a deadline, down for a budget) and recompute."""
    if subject.devices is not None:
        return exact, known
    refuse_absurd(exact.values)
    nodes = exact.values["devices"] / node
    down = "cost_usd" in exact.binding
    whole = math.floor(nodes * (1 + WHOLE)) if down else math.ceil(nodes * (1 - WHOLE))
    if whole < 1:
        raise NoAnswer(
            f"the budget pays for {exact.values['devices']:.2f} devices, less than one node of {node}: give a larger "
            "budget, an earlier deadline or a lower price"
        )
    known = {**known, "devices": float(whole * node)}
    return close(known, limits), known
