"""The usual ways in which an MFU goes wrong, each with what the MFU would be if it were the cause."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mfu_planner.scenario import Scenario
from mfu_planner.subject import Subject

_MATRIX_FORMATS = ("bf16", "fp16", "fp8", "fp4", "tf32", "fp32")
_COMMON_FORMATS = ("fp8", "fp16", "bf16")
_MICRO_BATCHES = (8, 16, 32, 64)
_ONE_NODE = 8


@dataclass(frozen=True, slots=True)
class Cause:
    """A possible mistake behind a number."""

    code: str
    message: str
    mfu: float
    """What the MFU would be."""
    weight: float
    """How common the mistake is, relative to the others: higher comes first among equally plausible ones."""


def causes(s: Scenario, subject: Subject, mfu: float, by_convention: Mapping[str, float | None]) -> Iterator[Cause]:
    """Every cause that could apply to what was given."""
    yield from _peak(subject, mfu)
    yield from _package(subject, mfu)
    yield from _counts(s, subject, mfu)
    yield from _step(s, mfu)
    causal = by_convention.get("causal")
    if causal is not None and subject.convention != "causal":
        yield Cause("sanity/causal", "the causal convention halves attention's work", causal, 0.3)


def _peak(subject: Subject, mfu: float) -> Iterator[Cause]:
    accelerator, used = subject.accelerator, subject.peak_flops_per_s
    if accelerator is None:
        return
    for dtype, peak in accelerator.peak.items():
        for basis, rate in (("dense", peak.dense), ("sparse", peak.sparse)):
            if rate is None or abs(rate / used - 1) < 1e-9:
                continue
            said = f"{basis} {dtype} peak {rate / 1e12:g} TFLOP/s"
            if dtype == subject.peak_dtype:
                wrong, weight = ("the sparse peak was used", 1.0) if basis == "dense" else ("2:4 sparsity is used", 0.1)
                yield Cause("sanity/sparse-peak", f"{wrong}: {said}", mfu * used / rate, weight)
            elif basis == "dense" and dtype in _MATRIX_FORMATS:
                weight = 0.8 if dtype in _COMMON_FORMATS else 0.4
                text = f"the run computes in {dtype}, not {subject.peak_dtype}: {said}"
                yield Cause("sanity/dtype", text, mfu * used / rate, weight)


def _package(subject: Subject, mfu: float) -> Iterator[Cause]:
    accelerator = subject.accelerator
    if accelerator is None or accelerator.devices_per_package == 1:
        return
    size, kind = accelerator.devices_per_package, accelerator.device_kind
    yield Cause("sanity/half-package", f"the rate is of a package of {size} {kind}s, the peak of one", mfu / size, 0.8)
    yield Cause("sanity/half-package", f"the rate is of one {kind}, the peak of a package of {size}", mfu * size, 0.5)


def _counts(s: Scenario, subject: Subject, mfu: float) -> Iterator[Cause]:
    n = subject.devices
    if n and n > 1 and (s.tokens_per_second is not None or s.step_time is not None):
        text = f"the rate is per device already, not the job's ({n:,} devices)"
        yield Cause("sanity/per-device-rate", text, mfu * n, 1.0)
    if s.tokens_per_second_per_device is not None:
        count = n if n and n > 1 else _ONE_NODE
        text = f"the rate is the whole job's, not one device's ({count:,} devices)"
        yield Cause("sanity/job-rate", text, mfu / count, 1.0 if n and n > 1 else 0.6)


def _step(s: Scenario, mfu: float) -> Iterator[Cause]:
    if s.step_time is None:
        return
    for count in _MICRO_BATCHES:
        weight = 0.5 / count**0.5
        batch = f"the batch is one micro-batch, not the global one ({count} accumulated or parallel)"
        time = f"the step time is one micro-batch's, not the step's ({count} of them)"
        yield Cause("sanity/micro-batch", batch, mfu * count, weight)
        yield Cause("sanity/micro-batch", time, mfu / count, weight)
    yield Cause("sanity/milliseconds", "the step time is in milliseconds, not seconds", mfu * 1000, 0.3)
