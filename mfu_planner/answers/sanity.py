"""Is the number itself right?  Above 100% or implausibly low: the likely causes, ranked."""

from __future__ import annotations

from collections.abc import Mapping

from mfu_planner.answers.results import Finding
from mfu_planner.answers.slips import Slip, mfu_at, slips
from mfu_planner.answers.verdict import Verdict, rule_of_thumb
from mfu_planner.hardware import dtype_key
from mfu_planner.questions.runs import MeasureQuestion
from mfu_planner.questions.subject import Subject
from mfu_planner.run import solve

_SAME_PEAK = 0.02
_NAMED = 3
"""Peaks named in a message."""


def check(
    s: MeasureQuestion,
    subject: Subject,
    mfu: float,
    hfu: float | None,
    by_convention: Mapping[str, float | None],
    judged: Verdict,
) -> list[Finding]:
    """Findings on an MFU or HFU that cannot be right, likely causes first; empty for plausible ones."""
    doubt = rule_of_thumb()["doubt"]
    too_much = hfu if hfu is not None and mfu <= 1 < hfu else None
    if too_much is None and doubt["below"] <= mfu <= doubt["above"]:
        return []
    high = too_much is not None or mfu > doubt["above"]
    target = judged.similar_typical if judged.similar_typical else doubt["typical"]

    def unlikely(cause: Slip) -> tuple[bool, float]:
        least, most = doubt["plausible"]
        plausible = least <= cause.mfu <= most
        return not plausible, -cause.weight / (0.2 + abs(cause.mfu - target))

    ranked = sorted((c for c in slips(s, subject, mfu, by_convention) if (c.mfu < mfu) == high), key=unlikely)
    return [
        _head(mfu, high) if too_much is None else _above_peak(mfu, too_much),
        *(Finding(code=c.code, severity="note", message=c.message, mfu_if_so=c.mfu) for c in ranked),
    ]


def _head(mfu: float, high: bool) -> Finding:
    if mfu > 1:
        code, text = "sanity/above-100", f"MFU {mfu:.1%} is above 100%: it cannot be"
    elif high:
        code, text = "sanity/too-high", f"MFU {mfu:.1%} is above what tuned runs report"
    else:
        code, text = "sanity/too-low", f"MFU {mfu:.2%} is implausibly low for a training run"
    severity = "error" if mfu > 1 else "warning"
    return Finding(code=code, severity=severity, message=f"{text}; likely causes follow, best first")


def _above_peak(mfu: float, hfu: float) -> Finding:
    text = (
        f"HFU {hfu:.1%} is above 100%: it cannot be; either less is recomputed than is stated, or MFU {mfu:.1%} is too "
        "high; likely causes follow, best first"
    )
    return Finding(code="sanity/hfu-above-100", severity="error", message=text)


def peak_findings(s: MeasureQuestion, subject: Subject, mfu: float, achieved: float) -> list[Finding]:
    """Whose peak was divided by: a sparse one, one that is not this device's, or the one behind somebody's MFU."""
    return [*_own_peak(s, subject, mfu), *_implied(s, subject, mfu, achieved)]


def _own_peak(s: MeasureQuestion, subject: Subject, mfu: float) -> list[Finding]:
    """The peak here beside the dense one that the catalogue has."""
    accelerator = subject.accelerator
    entry = accelerator.peak.get(dtype_key(subject.peak_dtype)) if accelerator else None
    if accelerator is None or entry is None or entry.dense is None:
        return []
    if abs(subject.peak_flops_per_s / entry.dense - 1) < _SAME_PEAK:
        return []
    whose = [
        f"its {basis} {dtype} peak"
        for dtype, peak in sorted(accelerator.peak.items(), key=lambda kept: kept[0] != dtype_key(subject.peak_dtype))
        for basis, rate in (("sparse", peak.sparse), ("dense", peak.dense))
        if rate is not None and abs(subject.peak_flops_per_s / rate - 1) < _SAME_PEAK
    ]
    is_what = whose[0] if whose else "none of its peaks"
    then = mfu_at(entry.dense, mfu, subject.peak_flops_per_s)
    text = (
        f"{subject.peak_flops_per_s / 1e12:.4g} TFLOP/s is {is_what}; the dense {subject.peak_dtype} peak of "
        f"{accelerator.name} is {entry.dense / 1e12:.4g}: by that the MFU is {then:.1%}"
    )
    code = "peak/sparse" if "sparse" in is_what else "peak/given"
    return [Finding(code=code, severity="note" if s.sparse else "warning", message=text, mfu_if_so=then)]


def _implied(s: MeasureQuestion, subject: Subject, mfu: float, achieved: float) -> list[Finding]:
    """The peak that somebody's rate and MFU were divided by, where both were given."""
    if s.reported_mfu is None:
        return []
    from mfu_planner.hardware import implied_peak

    implied = solve({"achieved_flops_per_s_per_device": achieved, "mfu": s.reported_mfu})["peak_flops_per_s"]
    here = subject.accelerator.id if subject.accelerator else ""
    matches = sorted(implied_peak(achieved, s.reported_mfu), key=lambda m: (m.accelerator_id != here, m.sparse))
    names = ", ".join(f"{m.accelerator_id} {m.dtype} {'sparse' if m.sparse else 'dense'}" for m in matches[:_NAMED])
    if len(matches) > _NAMED:
        names += f" and {len(matches) - _NAMED} more"
    agrees = abs(implied / subject.peak_flops_per_s - 1) < _SAME_PEAK
    text = f"the reported MFU divides by {implied / 1e12:.4g} TFLOP/s ({names or 'no peak on file'})"
    if not agrees:
        text += f", but the peak here is {subject.peak_flops_per_s / 1e12:.4g} TFLOP/s: the MFU is {mfu:.1%}"
    if s.flops_per_second_per_device is None:
        text += f"; the work is counted by {subject.convention}"
    return [Finding(code="peak/implied", severity="note" if agrees else "warning", message=text, mfu_if_so=mfu)]
