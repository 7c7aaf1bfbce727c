"""What similar published runs reached, and what a plan would be at their MFU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mfu_planner.questions.subject import Subject
from mfu_planner.run import solve
from mfu_planner.run.frozen import Frozen

if TYPE_CHECKING:
    from mfu_planner.published.similar import Similar


_KEPT = ("flops_per_token", "tokens", "devices", "peak_flops_per_s", "goodput", "price_usd_per_device_s")
"""What a plan keeps when its MFU is another."""


class PlanRange(Frozen):
    """Low, typical and high MFU of similar published runs, and the plan at each."""

    runs: int
    """How many published runs stand behind it."""
    basis: str
    """Which runs: size, hardware, dtype, convention."""
    mfu_low: float
    mfu_typical: float
    mfu_high: float
    training_time_s_low: float
    """At the high MFU."""
    training_time_s_typical: float
    training_time_s_high: float
    """At the low MFU."""
    cost_usd_low: float | None
    cost_usd_high: float | None
    sources: tuple[str, ...]


def similar_to(subject: Subject, devices: int | None) -> Similar | None:
    """Published runs like the subject, under its convention; None where too few are on file."""
    from mfu_planner.published.similar import CONVENTION, is_mixture, similar_runs

    model = subject.model
    if model is None or subject.accelerator is None or model.work_unit != "token":
        return None
    found = similar_runs(
        model.active_params,
        subject.accelerator.id,
        devices=devices,
        dtype=subject.peak_dtype,
        mixture=is_mixture(model.params, model.active_params),
    )
    if found is None or model.architecture is None or not subject.flops_per_token or subject.convention == CONVENTION:
        return found
    from mfu_planner.counting.conventions import flops_per_unit

    per_unit = flops_per_unit(model.architecture, subject.work, CONVENTION)
    return found.counted_as(subject.convention, float(subject.flops_per_token / per_unit))


def plan_range(subject: Subject, values: Mapping[str, float], devices: int | None) -> PlanRange | None:
    """The plan at the MFU of similar published runs, of about so many devices; None where too few are similar."""
    found = similar_to(subject, devices)
    if found is None:
        return None

    kept = {name: values[name] for name in _KEPT if name in values}
    low, typical, high = (solve({**kept, "mfu": mfu}) for mfu in (found.low, found.typical, found.high))
    return PlanRange.trusted(
        runs=found.n,
        basis=found.basis,
        mfu_low=found.low,
        mfu_typical=found.typical,
        mfu_high=found.high,
        training_time_s_low=high["training_time_s"],
        training_time_s_typical=typical["training_time_s"],
        training_time_s_high=low["training_time_s"],
        cost_usd_low=high.get("cost_usd"),
        cost_usd_high=low.get("cost_usd"),
        sources=found.links,
    )
