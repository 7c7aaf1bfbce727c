"""What the user gave, sorted: what was observed, how the run is laid out, answers, files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mfu_planner.errors import InputError, nearest
from mfu_planner.questions.evidence import DiagnoseQuestion
from mfu_planner.questions.layout_parts import LayoutPart, NetworkPart, PlacePart, StackPart
from mfu_planner.questions.parts import BatchPart, MoneyPart, ObservedPart, TrainingPart
from mfu_planner.questions.question import fields_of, names
from mfu_planner.questions.runs import Run

TRAINING = fields_of(TrainingPart)
"""What of the model is trained, and on what."""
OBSERVED = (*fields_of(ObservedPart), "mfu")
SUBJECT = (*fields_of(Run, BatchPart), "recompute", "attention_kernel")
"""What a measurement is about."""
MONEY = fields_of(MoneyPart)
"""What a device-hour costs: for the cost of the gap."""
_ELSEWHERE = ("recompute", "attention_kernel", "compile", "stack")
LAYOUT = tuple(name for name in fields_of(LayoutPart, PlacePart, NetworkPart, StackPart) if name not in _ELSEWHERE)
"""What only a prediction reads."""


@dataclass(frozen=True)
class Answers:
    """What the user knows without measuring a trace; none is "not said"."""

    gpu_utilisation: float | None = None
    """As the driver's tool shows it: share of the time with any kernel on the device."""
    loader_workers: int | None = None
    loader_wait: float | None = None
    """Share of a step, or seconds (then ``loader_wait_s``)."""
    loader_wait_s: float | None = None
    compiled: bool | None = None
    fused_optimizer: bool | None = None
    slowest_rank: float | None = None
    """Time of the slowest rank's own computation over the median rank's."""
    framework: str | None = None
    stack: str | None = None
    goodput: float | None = None
    padding: float | None = None
    """Share of the computed tokens that are padding."""
    cores_per_loader: float | None = None
    sample_time_s: float | None = None
    sample_bytes: float | None = None


def sorted_given(given: dict[str, Any]) -> dict[str, Any]:
    """What was given, by the names of the fields, each checked; empty values left out.

    Raises
    ------
    InputError
        An unknown name, a value that makes no sense.
    """
    given = {name: value for name, value in given.items() if value is not None and not _nothing(value)}
    if given.pop("eager", False):
        if given.get("compile"):
            raise InputError("eager", True, "one of --compile and --eager")
        given["compile"] = False
    asked = DiagnoseQuestion.of(given)
    if asked.machine is not None:
        given = {**given, "hardware": asked.hardware}
    called = names(DiagnoseQuestion)
    return {called[name]: value for name, value in given.items()}


def _nothing(value: Any) -> bool:
    return isinstance(value, tuple) and not value


def read_answers(given: dict[str, Any]) -> Answers:
    """The answers, checked.

    Raises
    ------
    InputError
        A value that makes no sense.
    """
    from mfu_planner.diagnosis.knowledge import framework_stack, knowledge

    s = DiagnoseQuestion.of(given)
    framework = s.framework
    if framework is not None and framework_stack(framework) is None:
        known = tuple(knowledge()["framework_stacks"])
        raise InputError("framework", framework, ", ".join(known), nearest(framework, known))
    if s.padding is not None and s.padding >= 1:
        raise InputError("padding", f"{s.padding:.0%}", "a share of the computed tokens below 100%")
    wait, seconds = _wait(s.loader_wait)
    return Answers(
        gpu_utilisation=s.gpu_utilisation,
        loader_workers=s.loader_workers,
        loader_wait=wait,
        loader_wait_s=seconds,
        compiled=s.compile,
        fused_optimizer=s.fused_optimizer,
        slowest_rank=s.slowest_rank,
        framework=framework,
        stack=s.stack,
        goodput=s.goodput,
        padding=s.padding,
        cores_per_loader=s.cores_per_loader,
        sample_time_s=s.sample_time,
        sample_bytes=s.sample_size,
    )


def _wait(value: Any) -> tuple[float | None, float | None]:
    """(share, seconds) of a loader's wait: ``20%``, ``0.2`` or ``0.3s``."""
    from mfu_planner.units import parse

    if value is None:
        return None, None
    if str(value).strip() in ("0", "0.0", "0%", "0s"):
        return 0.0, None
    if isinstance(value, str) and not value.strip().endswith("%") and value.strip()[-1:].isalpha():
        return None, parse(value, "time", field="loader-wait")
    share = parse(value, "fraction", field="loader-wait")
    if share >= 1:
        raise InputError("loader-wait", value, "a share of the step below 100%, or seconds such as 0.3s")
    return share, None
