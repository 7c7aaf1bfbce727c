"""The answer: a frozen record whose fields are the keys of the JSON object."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from mfu_planner.answers.results import OnDevices, Result
from mfu_planner.answers.verdict import Verdict
from mfu_planner.run.frozen import Frozen


class GapPart(Frozen):
    """One part of the time between the peak and what was observed."""

    cause: str
    """Slug of the cause it belongs to: data-loading, cpu, kernel-launch, communication, kernels, …"""
    part: str
    """Which part of the step."""
    name: str
    """The same in words."""
    share: float
    """Of the whole time; all shares add up to 1 − MFU (× goodput).  Negative where a convention counts skipped work."""
    basis: str
    """measured, predicted, implied (by the model, the framework, an idle device) or unexplained."""
    evidence: str


class CauseFinding(Frozen):
    """A coded finding."""

    code: str
    """``cause/…`` for causes; ``sanity/…``, ``log/…``, ``trace/…`` for what the readers remark."""
    severity: str
    """error, warning or note."""
    message: str
    share: float | None = None
    """Of the time that this cause costs and a fix could give back."""
    confidence: str | None = None
    """high (measured), medium (predicted from the layout), low (implied or unexplained)."""
    evidence: dict[str, float | int | str | None] = Field(default_factory=dict)
    page: str | None = None
    deciding_measurement: str | None = None
    """What tells this cause from the next one, where both fit."""


class Action(Frozen):
    """One change and what it would bring."""

    change: str
    cause: str
    predicted_mfu: float | None
    """MFU after, under the same convention and on the same peak as ``mfu``."""
    kind: str = "fix"
    """fix, measure (the gain is then the most that what it finds could give back), other-hardware, or
    changes-the-experiment."""
    predicted_mfu_low: float | None = None
    """The model's range around it."""
    predicted_mfu_high: float | None = None
    predicted_mfu_own_peak: float | None = None
    """On the peak of the new number format, where the change brings one."""
    gain: float
    """More throughput, as a fraction: 0.16 is 16% faster."""
    speedup: float
    """1 + gain."""
    saves_share: float
    """Share of the time saved."""
    saves_usd_per_day: float | None = None
    """What that share of the job's device-hours costs a day; null without a price or a number of devices."""
    saves_device_hours: float | None = None
    """Of the whole run; null where its length is unknown."""
    effort: str
    """low (a flag), medium (some code), high (a project)."""
    risk: str
    fits: bool | None
    """Whether the change fits the device's memory by the memory model; null: not affected or unknown."""
    basis: str
    """predicted, measured, implied (by the model, the framework, an idle device) or unexplained."""
    tells: tuple[str, ...] = ()
    """Causes that a measurement tells apart."""
    flags: dict[str, Any] = Field(default_factory=dict)
    """What changes, as flags of ``mfu-planner predict``."""


class Stacked(Frozen):
    """The best compatible actions together."""

    changes: tuple[str, ...]
    predicted_mfu: float | None
    gain: float
    speedup: float
    fits: bool | None


class PartAfter(Frozen):
    """One part of the observed time, before and after some changes."""

    part: str
    cause: str
    name: str
    before: float
    """Share of the observed time."""
    after: float
    """Of the same observed time."""


class Excluded(Frozen):
    """A change that was asked for and is left out."""

    change: str
    because: str


class Combined(Frozen):
    """A set of changes together: one prediction of the changed run, scaled to the observation."""

    changes: tuple[str, ...]
    excluded: tuple[Excluded, ...]
    """What excludes an earlier one, contradicts, or does not fit."""
    fits: bool | None
    """Whether the changed run fits the device's memory by the memory model."""
    predicted_mfu: float | None
    """On the peak and convention of ``mfu``."""
    predicted_mfu_own_peak: float | None
    """On the peak of the new number format, where the changes bring one."""
    low: float | None
    high: float | None
    gain: float
    speedup: float
    time: float
    """Time after ÷ time before."""
    ideal: float
    """Share of the observed time that the model FLOPs take afterwards."""
    parts: tuple[PartAfter, ...]


class Deciding(Frozen):
    """The one measurement that tells two causes apart."""

    between: tuple[str, str]
    measurement: str


class Diagnosis(OnDevices, Result):
    """Why the MFU is low and what to change first."""

    answer: str
    """One sentence."""
    sensitivities: tuple[dict[str, Any], ...] = ()
    """Under ``explain``: d ln expected step time / d ln of each size and constant, largest first."""
    mfu: float | None
    """Of productive step time, as observed."""
    goodput: float | None
    effective_mfu: float | None
    """MFU × goodput: what the gap is counted from."""
    convention: str | None
    peak_flops_per_s: float | None
    tokens_per_s_per_device: float | None
    step_time_s: float | None
    predicted_mfu: float | None
    """What the step-time model expects of these settings."""
    predicted_step_time_s: float | None
    observed_over_predicted: float | None
    """Observed ÷ predicted step time: above the model's range, something hidden slows the run."""
    range_basis: str | None
    verdict: Verdict | None
    first_cause: str | None
    gap_cost_usd_per_day: float | None = None
    """What the MFU below that of similar runs costs a day; zero above it, null where unknown."""
    gap_device_hours: float | None = None
    """The same in device-hours of the whole run; null where its length is unknown."""
    gap_cost_usd: float | None = None
    """The same in money of the whole run."""
    gap: tuple[GapPart, ...]
    """Most important cause first; shares add up to 1 − effective MFU (without a model: 1 − the share of products)."""
    waterfall: tuple[GapPart, ...]
    """The same parts from the peak down."""
    findings: tuple[CauseFinding, ...]
    """Is the number right; then the causes, ranked; then other remarks."""
    actions: tuple[Action, ...]
    stacked: Stacked | None
    combined: Combined | None = None
    """The actions named by ``--apply``, together."""
    deciding_measurement: Deciding | None
    confidence: str
    assumptions: tuple[str, ...]
    not_known: tuple[str, ...]
    """What would sharpen the diagnosis."""
