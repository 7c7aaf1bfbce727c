"""The gap from the peak to what was observed: measured parts, predicted ones beside them, the rest unexplained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mfu_planner.diagnosis.causes import MEANINGS, ORDER, PART_CAUSES, TWICE
from mfu_planner.diagnosis.knowledge import knowledge
from mfu_planner.diagnosis.result import GapPart

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfu_planner.diagnosis.bench import Expected
    from mfu_planner.diagnosis.evidence import Measured

COMMUNICATION = ("tensor_parallel", "context_parallel", "expert_parallel", "data_parallel", "pipeline_latency")
PRODUCTS = ("matmul_inefficiency", "attention", "recompute")
REPLACED = {
    "exposed_communication": COMMUNICATION,
    "launch": ("launch", "step_fixed"),
    "pointwise": ("pointwise", "casts"),
    "optimizer": ("optimizer",),
    "data_parallel": ("data_parallel",),
}
"""Measured part → the predicted parts that it stands for."""
LAUNCHING = ("host", "launch_gap")


@dataclass
class Gap:
    """The parts, and how the predictor's seconds translate into shares of the observed time."""

    shares: dict[str, float] = field(default_factory=dict)
    """Part → share of the step."""
    basis: dict[str, str] = field(default_factory=dict)
    evidence: dict[str, str] = field(default_factory=dict)
    causes: dict[str, str] = field(default_factory=dict)
    scales: dict[str, float] = field(default_factory=dict)
    """Predicted part → observed share per predicted device-second and token."""
    ratio: float | None = None
    """Observed ÷ predicted, what was measured outside the model left out."""
    useful: float = 0.0
    """Share that is not gap: the MFU, or without a model the products' share of a trace."""
    beyond: bool = False
    """Whether the observation lies beyond the model's range: what is unexplained is then a finding."""
    stated_peak: float = 1.0
    """Peak that the MFU is divided by, over that of the run's number format."""

    @property
    def unexplained(self) -> float:
        """Share that neither evidence nor model explains."""
        return max(self.shares.get("unexplained", 0.0), 0.0)

    def put(self, part: str, share: float, basis: str, evidence: str, cause: str | None = None) -> None:
        """Enter a part."""
        self.shares[part] = share
        self.basis[part], self.evidence[part] = basis, evidence
        self.causes[part] = cause or PART_CAUSES[part]

    def move(self, part: str, share: float, source: str, basis: str, evidence: str, cause: str | None = None) -> None:
        """Explain some of ``source`` as ``part``."""
        self.shares[source] -= share
        self.put(part, self.shares.get(part, 0.0) + share, basis, evidence, cause)

    def pad(self, share: float, evidence: str) -> None:
        """Of the time, as much goes to padding as of the tokens; the rest is what it was found to be."""
        left = 1.0 - share
        self.useful *= left
        for held in (self.shares, self.scales):
            for name in held:
                held[name] *= left
        self.put("padding", share, "measured", evidence)

    def entries(self, goodput: float | None, goodput_source: str) -> tuple[GapPart, ...]:
        """The parts from the peak down; with a goodput, shares of the wall clock; none where the MFU cannot be."""
        if self.useful > 1:
            return ()
        worth = 1.0 if goodput is None else goodput
        found = [
            GapPart(
                cause=self.causes[part],
                part=part,
                name=MEANINGS[part] if self.shares[part] > 0 or part != "unexplained" else TWICE,
                share=self.shares[part] * worth,
                basis=self.basis[part],
                evidence=self.evidence[part],
            )
            for part in ORDER
            if self.shares.get(part)
        ]
        if goodput is not None and goodput < 1:
            lost = GapPart(
                cause="goodput",
                part="interruptions",
                name=MEANINGS["interruptions"],
                share=1 - goodput,
                basis="measured",
                evidence=goodput_source,
            )
            found.append(lost)
        return tuple(found)


def find_gap(mfu: float | None, observed: float | None, point: Expected | None, measured: Measured) -> Gap:
    """Divide the time between the peak and the observation.

    Parameters
    ----------
    mfu
        Observed, of productive step time; none without a model.
    observed
        Device-seconds per token; none where no rate is known.
    point
        The prediction of the same run; none without a model.
    measured
        Shares that a log, a trace or the user measured.
    """
    gap = Gap(useful=mfu if mfu is not None else (measured.products or 0.0))
    for part, found in measured.parts.items():
        gap.put(part, found.share, "measured", found.source, found.belongs)
    if point is None or observed is None or mfu is None:
        rest = 1.0 - gap.useful - sum(gap.shares.values())
        if measured.products is not None and mfu is not None:
            gap.put(
                "matmul_inefficiency",
                measured.products - mfu,
                "measured",
                "trace: products and attention beyond the model FLOPs at peak",
            )
            rest -= measured.products - mfu
        gap.put(
            "unexplained",
            rest,
            "unexplained",
            "no model of this run to compare with" if point is None else "nothing measured it",
        )
        return gap
    _predicted(gap, mfu, observed, point, measured)
    return gap


def _predicted(gap: Gap, mfu: float, observed: float, point: Expected, measured: Measured) -> None:
    predicted = {p: s / observed for p, s in point.parts.items()}
    ideal = predicted.pop("ideal", 0.0)
    gap.put(
        "convention", ideal - mfu, "predicted", "work that the convention counts and kernels skip, against work they do"
    )
    if abs(gap.shares["convention"]) < 1e-12:
        del gap.shares["convention"]
    replaced = _replace(gap, predicted, ideal, measured)
    left = {p: s for p, s in predicted.items() if p not in replaced}
    room = 1.0 - mfu - sum(gap.shares.values())
    total = sum(left.values())
    outside = sum(
        e.share
        for p, e in measured.parts.items()
        if p in ("input", "stragglers", "synchronisation", "allocation", "copies")
    )
    gap.ratio = max(1.0 - outside, 0.0) / (sum(point.parts.values()) / observed)
    shrink = max(room, 0.0) / total if total > room else 1.0
    gap.beyond = gap.ratio > max(point.high, float(knowledge()["model_error"]))
    for part, share in left.items():
        gap.put(part, share * shrink, "predicted", _said(share, shrink))
    gap.put("unexplained", room - total * shrink, "unexplained", _rest(gap.ratio, point))
    stretch = shrink if shrink < 1 else min(max(gap.ratio, 1.0), point.high)
    gap.scales = dict.fromkeys(left, stretch / observed)
    gap.scales["ideal"] = max(1.0, min(gap.ratio, point.high)) / observed
    for group, share in replaced.items():
        gap.scales[group] = share / observed


def _said(share: float, shrink: float) -> str:
    text = f"predicted: {share:.1%} of the observed time"
    return text if shrink > 0.999 else f"{text}, scaled by {shrink:.2f} to the observation"


def _rest(ratio: float, point: Expected) -> str:
    within = "within" if point.low <= ratio <= point.high else "outside"
    return (
        f"observed {ratio:.2f} times the predicted time, {within} the model's range "
        f"({point.low:.2f} to {point.high:.2f}: {point.basis})"
    )


def _replace(gap: Gap, predicted: Mapping[str, float], ideal: float, measured: Measured) -> dict[str, float]:
    """Predicted parts that a measurement stands for → their factor."""
    out: dict[str, float] = {}
    held = {p: e.share for p, e in measured.parts.items()}
    launching = sum(held.get(p, 0.0) for p in LAUNCHING)
    if measured.products is not None:
        held.setdefault("launch", launching)
        for part in ("exposed_communication", "pointwise", "optimizer"):
            held.setdefault(part, 0.0)
        _bubble(gap, predicted, out)
    for part, stands in REPLACED.items():
        if part not in held:
            continue
        total = sum(predicted.get(p, 0.0) for p in stands)
        for p in stands:
            if p in predicted:
                out[p] = held[part] / total if total else 0.0
    if measured.products is not None:
        above = measured.products - ideal
        again = predicted.get("recompute", 0.0)
        total = sum(predicted.get(p, 0.0) for p in PRODUCTS)
        factor = max(above, 0.0) / total if total else 0.0
        out |= {p: factor for p in PRODUCTS if p in predicted}
        gap.put(
            "matmul_inefficiency",
            above - again * factor,
            "measured",
            "trace: products and attention beyond the work at peak rate",
        )
        if again:
            gap.put(
                "recompute", again * factor, "predicted", "the recomputed part of the traced products, by the model"
            )
    return out


def _bubble(gap: Gap, predicted: Mapping[str, float], out: dict[str, float]) -> None:
    """Waiting inside pipeline sends shows as communication in a trace: as much of it as the predicted bubble."""
    for part in ("bubble", "stage_imbalance"):
        wanted = predicted.get(part, 0.0)
        taken = min(wanted, max(gap.shares.get("exposed_communication", 0.0), 0.0))
        out[part] = taken / wanted if wanted else 0.0
        if taken:
            gap.move(
                part,
                taken,
                "exposed_communication",
                "predicted",
                "of the traced communication, what the schedule must wait",
            )
