"""Measured shares of the time: from a log, a trace, or an answer."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mfu_planner.diagnosis.causes import PART_CAUSES
from mfu_planner.diagnosis.knowledge import knowledge

if TYPE_CHECKING:
    from mfu_planner.diagnosis.given import Answers
    from mfu_planner.observe.logs.report import LogReport
    from mfu_planner.observe.traces.report import TraceReport

SMALL = 0.002
"""Shares below this are not worth a line."""


@dataclass(frozen=True)
class Evidence:
    """A measured part of the step."""

    part: str
    share: float
    """Of the step."""
    source: str
    cause: str = ""
    numbers: dict[str, float | int | str | None] = field(default_factory=dict)

    @property
    def belongs(self) -> str:
        """Its cause."""
        return self.cause or PART_CAUSES[self.part]


@dataclass
class Measured:
    """Everything that was measured."""

    parts: dict[str, Evidence] = field(default_factory=dict)
    products: float | None = None
    """Share of the time in matrix products and attention, from a trace."""
    full_precision: float = 0.0
    """Share of the time in products of 32 bits on the vector units, from a trace."""
    goodput: float | None = None
    goodput_source: str = ""
    loader_is_idle: bool = False
    """The loader's wait was measured and is small."""

    def add(self, found: Evidence) -> None:
        """Take a measurement; the first source of a part wins."""
        if found.part not in self.parts and found.share > SMALL:
            self.parts[found.part] = found

    @property
    def total(self) -> float:
        """Share of the step that is measured."""
        return sum(e.share for e in self.parts.values())


LOG_PARTS = {
    "bwd_allreduce": "data_parallel",
    "step": "optimizer",
    "optimizer": "optimizer",
    "batch-generator": "input",
}
"""Timers that frameworks print → part."""


def from_answers(measured: Measured, answers: Answers, step_time_s: float | None) -> None:
    """Waits and ranks that the user measured."""
    share = answers.loader_wait
    if answers.loader_wait_s is not None and step_time_s:
        share = min(answers.loader_wait_s / step_time_s, 0.99)
    if share is not None:
        measured.loader_is_idle = share < 0.03
        measured.add(
            Evidence(
                "input", share, f"waiting for data was measured: {share:.1%} of a step", numbers={"wait_share": share}
            )
        )
    if answers.slowest_rank is not None and answers.slowest_rank > 1:
        lost = 1 - 1 / answers.slowest_rank
        measured.add(
            Evidence(
                "stragglers",
                lost,
                f"the slowest rank computes {answers.slowest_rank - 1:.0%} longer than the median",
                numbers={"slowest_over_median": answers.slowest_rank},
            )
        )
    if answers.goodput is not None:
        measured.goodput, measured.goodput_source = answers.goodput, "given"


def from_log(measured: Measured, report: LogReport) -> None:
    """Waits, timers and gaps between steps that a log states."""
    step = report.step_time_s
    if report.data_wait_share is not None:
        measured.loader_is_idle = report.data_wait_share < 0.03
        measured.add(
            Evidence(
                "input",
                report.data_wait_share,
                "the log states the wait for data",
                numbers={"wait_share": report.data_wait_share},
            )
        )
    for timer, seconds in report.parts_s.items():
        if step and timer in LOG_PARTS and seconds < step:
            measured.add(
                Evidence(
                    LOG_PARTS[timer],
                    seconds / step,
                    f"the log's timer {timer}: {seconds:.3g} s of {step:.3g} s",
                    numbers={"seconds": seconds, "step_time_s": step},
                )
            )
    for finding in report.findings:
        numbers = finding.evidence
        if finding.code == "log/irregular-steps" and measured.goodput is None:
            lost = float(numbers.get("lost_share") or 0.0)
            measured.goodput, measured.goodput_source = (
                1 - lost,
                "slow steps outside the steady window (evaluation, checkpoints, stalls)",
            )
        elif finding.code == "log/goodput-gap" and measured.goodput is None:
            measured.goodput = float(numbers["actual"] or 0) / float(numbers["step"] or 1)
            measured.goodput_source = "the log's whole-run average against its steps"
        elif finding.code in ("log/clock-contradicts-step-time", "log/two-rates") and measured.goodput is None:
            now, clock = _pair(numbers)
            if clock > now > 0:
                measured.goodput = now / clock
                measured.goodput_source = (
                    "time between steps (loading, logging, checkpoints) that the stated step time leaves out"
                )


def _pair(numbers: dict[str, float | str | None]) -> tuple[float, float]:
    """(time inside steps, time by the clock), or the same as inverse rates."""
    if "stated_s" in numbers:
        return float(numbers["stated_s"] or 0), float(numbers["by_clock_s"] or 0)
    inside, clock = float(numbers.get("deepspeed") or 0), float(numbers.get("iteration") or 0)
    return (1 / inside, 1 / clock) if inside and clock else (0.0, 0.0)


def from_trace(measured: Measured, report: TraceReport, *, compiled: bool | None) -> None:
    """Idle time by cause, exposed communication, unhidden copies, classes of kernels."""
    window = report.window_s
    if not window:
        return
    activities = sum(r.activities for r in report.ranks) / max(len(report.ranks), 1)
    issue = activities * float(knowledge()["eager_op_us"]) * 1e-6 / window
    launching = issue >= 0.4
    for part, seconds in report.idle.items():
        name = {"data": "input"}.get(part, part)
        share = seconds / window
        cause = ""
        text = f"{share:.1%} of the traced time"
        if part == "host":
            cause = "kernel-launch" if launching else "cpu"
            text += (
                f": {activities:,.0f} activities in {window:.3g} s; to issue them takes {min(issue, 9.99):.0%} of it"
            )
        measured.add(
            Evidence(
                name,
                share,
                f"trace: idle, {part.replace('_', ' ')}, {text}",
                cause,
                {"seconds": seconds, "activities": activities},
            )
        )
    slow = report.straggler.waited_for_s / window if report.straggler else 0.0
    exposed = report.exposed_communication_s / window
    if report.straggler and slow > SMALL:
        slow = min(slow, exposed)
        measured.add(
            Evidence(
                "stragglers",
                slow,
                f"trace: the others wait for rank {report.straggler.rank} inside collectives",
                numbers={"waited_for_s": report.straggler.waited_for_s},
            )
        )
    measured.add(
        Evidence(
            "exposed_communication",
            exposed - slow,
            f"trace: only communication runs, {exposed:.1%} of the time",
            numbers={"seconds": report.exposed_communication_s, "overlap": report.overlap},
        )
    )
    classes = report.breakdown
    copies = (classes.get("memcpy", 0.0) + classes.get("memset", 0.0)) / window
    onto = report.memcpy.get("HtoD", 0.0) / window
    measured.add(
        Evidence(
            "copies",
            copies,
            "trace: copies that no kernel hides",
            "data-loading" if onto > 0.5 * copies else "memory-bound",
        )
    )
    pointwise = sum(classes.get(k, 0.0) for k in ("elementwise", "normalization", "other")) / window
    cause = "memory-bound" if compiled else "kernels"
    measured.add(
        Evidence("pointwise", pointwise, f"trace: norms and element-wise kernels, {pointwise:.1%} of the time", cause)
    )
    measured.add(Evidence("optimizer", classes.get("optimizer", 0.0) / window, "trace: the optimizer's kernels", cause))
    full = re.compile(str(knowledge()["full_precision"]["kernels"]))
    measured.full_precision = sum(k.share_of_window for k in report.kernels if full.search(k.name))
    measured.products = (classes.get("matrix", 0.0) + classes.get("attention", 0.0)) / window
