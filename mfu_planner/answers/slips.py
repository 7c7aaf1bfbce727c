"""The usual ways in which an MFU goes wrong, each with what the MFU would be if it were the cause."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mfu_planner.answers.verdict import rule_of_thumb
from mfu_planner.questions.runs import MeasureQuestion
from mfu_planner.questions.subject import Subject
from mfu_planner.run import solve

_TRAINING_FORMATS = {"bf16": 0.8, "fp16": 0.7, "fp8": 0.8, "tf32": 0.25, "fp32": 0.2, "fp4": 0.3}
"""Formats a run may compute in, by how often the wrong one is divided by."""
_COUNTS: tuple[int, ...] = tuple(2**n for n in range(1, 15))
"""Devices or accumulated micro-batches that nobody stated: powers of two."""
_SAME = 1e-3


@dataclass(frozen=True, slots=True)
class Slip:
    """A possible mistake behind a number."""

    code: str
    message: str
    mfu: float
    """What the MFU would be."""
    weight: float
    """How common the mistake is, relative to the others: higher comes first among equally plausible ones."""


def slips(
    s: MeasureQuestion, subject: Subject, mfu: float, by_convention: Mapping[str, float | None]
) -> Iterator[Slip]:
    """Every cause that could apply to what was given."""
    yield from _peak(subject, mfu)
    yield from _package(subject, mfu)
    yield from _counts(s, subject, mfu)
    yield from _step(s, subject, mfu)
    causal = by_convention.get("causal")
    if causal is not None and subject.convention != "causal":
        text = "attention is counted over all s × s pairs; over the pairs that the mask allows (causal) it is less"
        yield Slip("sanity/causal", text, causal, 3 * (1 - causal / mfu) if causal < mfu else 0.1)


def mfu_at(peak: float, mfu: float, used: float) -> float:
    """The MFU at another peak rate than the one that was used: the achieved FLOP/s stay."""
    achieved = solve({"mfu": mfu, "peak_flops_per_s": used})["achieved_flops_per_s_per_device"]
    return float(solve({"achieved_flops_per_s_per_device": achieved, "peak_flops_per_s": peak})["mfu"])


def _peak(subject: Subject, mfu: float) -> Iterator[Slip]:
    """Other peaks of the same device: the sparse one taken for the dense, another number format."""
    accelerator, used = subject.accelerator, subject.peak_flops_per_s
    if accelerator is None:
        return
    told: set[tuple[str, float]] = set()
    for dtype, weight in _TRAINING_FORMATS.items():
        peak = accelerator.peak.get(dtype)
        if peak is None:
            continue
        for basis, rate in (("dense", peak.dense), ("sparse", peak.sparse)):
            if rate is None or abs(rate / used - 1) < _SAME or (basis, rate) in told:
                continue
            told.add((basis, rate))
            said = f"{basis} {dtype} peak {rate / 1e12:.5g} TFLOP/s"
            same = dtype == subject.peak_dtype and peak.sparse is not None
            if basis == "dense" and same and peak.sparse is not None and abs(peak.sparse / used - 1) < _SAME:
                yield Slip("sanity/sparse-peak", f"the sparse peak was used: {said}", mfu_at(rate, mfu, used), 3.0)
            elif basis == "dense":
                text = f"the run computes in {dtype}, not {subject.peak_dtype}: {said}"
                yield Slip("sanity/dtype", text, mfu_at(rate, mfu, used), weight)
            elif dtype == subject.peak_dtype:
                yield Slip("sanity/sparse-peak", f"2:4 sparsity is used: {said}", mfu_at(rate, mfu, used), 0.1)


def _package(subject: Subject, mfu: float) -> Iterator[Slip]:
    accelerator = subject.accelerator
    if accelerator is None or accelerator.devices_per_package == 1:
        return
    size, kind = accelerator.devices_per_package, accelerator.device_kind
    yield Slip("sanity/half-package", f"the rate is of a package of {size} {kind}s, the peak of one", mfu / size, 0.8)
    yield Slip("sanity/half-package", f"the rate is of one {kind}, the peak of a package of {size}", mfu * size, 0.5)


def _typical() -> float:
    typical: float = rule_of_thumb()["doubt"]["typical"]
    return typical


def _likely_count(mfu: float) -> int:
    """The power of two by which a typical MFU would have to be multiplied or divided to give this one."""
    distance = abs(math.log(mfu / _typical()))
    return min(_COUNTS, key=lambda count: abs(distance - math.log(count)))


def _counts(s: MeasureQuestion, subject: Subject, mfu: float) -> Iterator[Slip]:
    """The whole job's rate taken for one device's, and the other way round."""
    n = subject.devices
    if n and n > 1 and s.tokens_per_second is not None:
        text = f"the rate is per device already, not the job's ({n:,} devices)"
        yield Slip("sanity/per-device-rate", text, mfu * n, 1.0)
    if s.tokens_per_second_per_device is not None or s.flops_per_second_per_device is not None:
        if n and n > 1:
            text = f"the rate is the whole job's, not one device's ({n:,} devices)"
            yield Slip("sanity/job-rate", text, mfu / n, 1.0)
        else:
            count = _likely_count(mfu)
            text = f"the rate is the whole job's, not one device's ({count:,} devices, say)"
            yield Slip("sanity/job-rate", text, mfu / count, 0.6)


def _step(s: MeasureQuestion, subject: Subject, mfu: float) -> Iterator[Slip]:
    """One device's or one micro-batch's share taken for the step's."""
    if s.step_time is None:
        return
    n = subject.devices
    if n and n > 1:
        text = f"the batch is one device's, not the global one ({n:,} devices)"
        yield Slip("sanity/micro-batch", text, mfu * n, 1.0)
    if mfu < _typical():
        count = _likely_count(mfu)
        text = f"the batch is one micro-batch, not the global one ({count:,} accumulated or parallel, say)"
        yield Slip("sanity/micro-batch", text, mfu * count, 0.4)
        yield Slip("sanity/milliseconds", "the step time is in milliseconds, not seconds", mfu * 1000, 0.9)
    else:
        count = _likely_count(mfu)
        text = f"the step time is one micro-batch's, not the step's ({count:,} of them, say)"
        yield Slip("sanity/micro-batch", text, mfu / count, 0.6)
