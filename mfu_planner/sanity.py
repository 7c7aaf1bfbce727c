"""Is the number itself right?  Above 100% or implausibly low, the usual causes with what the MFU would be under each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mfu_planner.results import Finding
from mfu_planner.scenario import Scenario
from mfu_planner.subject import Subject
from mfu_planner.verdict import Verdict

_TOO_HIGH = 0.85
"""No published dense pre-training run on file reaches more of its dense peak."""
_TOO_LOW = 0.05
_PLAUSIBLE = (0.10, 0.75)
_TYPICAL = 0.40


@dataclass(frozen=True, slots=True)
class _Cause:
    code: str
    message: str
    mfu: float
    weight: float
    """How common the mistake is: higher comes first among equally plausible ones."""


def check(
    s: Scenario,
    subject: Subject,
    values: Mapping[str, float],
    by_convention: Mapping[str, float | None],
    judged: Verdict | None,
) -> list[Finding]:
    """Findings on an MFU that cannot be right, ranked; empty for a plausible one."""
    mfu = values["mfu"]
    high, low = mfu > _TOO_HIGH, mfu < _TOO_LOW
    if not (high or low):
        return []
    text = (
        f"MFU {mfu:.1%} is above 100%: it cannot be" if mfu > 1
        else f"MFU {mfu:.1%} is above what any published run reached" if high
        else f"MFU {mfu:.2%} is implausibly low for a training run"
    )
    head = Finding(code="sanity/above-100" if mfu > 1 else "sanity/too-high" if high else "sanity/too-low",
                   severity="error" if mfu > 1 else "warning", message=f"{text}; check the causes below", mfu_if_so=None)
    causes = [c for c in _causes(s, subject, values, by_convention) if (c.mfu < mfu) == high]
    target = judged.similar_typical if judged and judged.similar_typical else _TYPICAL
    causes.sort(key=lambda c: (not _PLAUSIBLE[0] <= c.mfu <= _PLAUSIBLE[1], -c.weight / (0.2 + abs(c.mfu - target))))
    return [head, *(Finding(code=c.code, severity="note", message=c.message, mfu_if_so=c.mfu) for c in causes)]


def _causes(
    s: Scenario, subject: Subject, values: Mapping[str, float], by_convention: Mapping[str, float | None]
) -> Iterator[_Cause]:
    mfu, n = values["mfu"], subject.devices
    accelerator, dtype = subject.accelerator, subject.peak_dtype
    if accelerator is not None:
        for other, peak in accelerator.peak.items():
            for basis, rate in (("dense", peak.dense), ("sparse", peak.sparse)):
                if rate is None or abs(rate / subject.peak_flops_per_s - 1) < 1e-9:
                    continue
                if other == dtype:
                    wrong = "the sparse peak was used" if basis == "dense" else "the run uses 2:4 sparsity"
                    yield _Cause("sanity/sparse-peak", f"{wrong}: {basis} {other} peak {rate / 1e12:g} TFLOP/s",
                                 mfu * subject.peak_flops_per_s / rate, 1.0 if basis == "dense" else 0.1)
                elif basis == "dense" and other in ("bf16", "fp16", "fp8", "fp4", "tf32", "fp32"):
                    yield _Cause("sanity/dtype", f"the run computes in {other}, not {dtype}: peak {rate / 1e12:g} TFLOP/s",
                                 mfu * subject.peak_flops_per_s / rate, 0.8 if other in ("fp8", "fp16", "bf16") else 0.4)
        package = accelerator.devices_per_package
        if package > 1:
            yield _Cause("sanity/half-package", f"packages were counted, not {accelerator.device_kind}s ({package} in each)",
                         mfu / package, 0.8)
            yield _Cause("sanity/half-package", f"the rate is of one {accelerator.device_kind}, the peak was taken for {package}",
                         mfu * package, 0.5)
    if n and n > 1:
        if s.tokens_per_second is not None or s.step_time is not None:
            yield _Cause("sanity/per-device-rate", f"the rate is per device already, not the job's ({n:,} devices)", mfu * n, 1.0)
        if s.tokens_per_second_per_device is not None:
            yield _Cause("sanity/job-rate", f"the rate is the whole job's, not one device's ({n:,} devices)", mfu / n, 1.0)
    elif s.tokens_per_second_per_device is not None:
        yield _Cause("sanity/job-rate", "the rate is the whole job's: divided by 8 devices of one node, say", mfu / 8, 0.6)
    if s.step_time is not None:
        for factor in (8, 16, 32, 64):
            yield _Cause("sanity/micro-batch", f"the batch is one micro-batch, not the global one ({factor} accumulated or parallel)",
                         mfu * factor, 0.5 / factor**0.5)
            yield _Cause("sanity/micro-batch", f"the step time is one micro-batch's, not the step's ({factor} of them)",
                         mfu / factor, 0.5 / factor**0.5)
        yield _Cause("sanity/milliseconds", "the step time is in milliseconds, not seconds", mfu * 1000, 0.3)
    causal = by_convention.get("causal")
    if causal is not None and subject.convention != "causal":
        yield _Cause("sanity/causal", "the causal convention halves attention's work", causal, 0.3)
    model = subject.model
    if model is not None and model.active_params < model.params and model.architecture is None and s.active_params is None:
        yield _Cause("sanity/experts", "every expert was counted, not the active ones", mfu * model.active_params / model.params, 0.7)


def implied_peak_findings(s: Scenario, subject: Subject, values: Mapping[str, float]) -> list[Finding]:
    """The peak that somebody's TFLOP/s and MFU were divided by, where both were given."""
    if s.reported_mfu is None or s.flops_per_second_per_device is None:
        return []
    from mfu_planner.hardware import implied_peak

    implied = s.flops_per_second_per_device / s.reported_mfu
    matches = implied_peak(s.flops_per_second_per_device, s.reported_mfu)
    names = ", ".join(f"{m.accelerator_id} {m.dtype}{' sparse' if m.sparse else ''}" for m in matches[:4]) or "no known device"
    off = implied / subject.peak_flops_per_s - 1
    agrees = abs(off) < 0.02
    text = f"the reported MFU divides by {implied / 1e12:.4g} TFLOP/s ({names})"
    if not agrees:
        text += f", but the peak here is {subject.peak_flops_per_s / 1e12:.4g} TFLOP/s: the MFU would be {values['mfu']:.1%}"
    return [Finding(code="peak/implied", severity="note" if agrees else "warning", message=text, mfu_if_so=values["mfu"])]
