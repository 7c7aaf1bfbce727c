"""Is the number itself right?  One mistake at a time, made on a run whose true MFU is known: it is named first."""

from __future__ import annotations

from typing import Any

import pytest

from mfu_planner import measure
from mfu_planner.hardware import resolve

HARDWARE = ["h100-sxm", "a100-sxm-80gb", "b200", "mi300x", "tpu-v5p", "h20"]
TRUE = [0.3, 0.4, 0.5]


class Run:
    """An 8B model at a known MFU: what each observer would have written down."""

    def __init__(self, hardware: str, mfu: float) -> None:
        self.common: dict[str, Any] = {"model": "llama-3.1-8b", "seq_len": 8192, "hardware": hardware}
        self.accelerator = resolve(hardware)
        work = measure(**self.common, tokens_per_second_per_device=1).flops_per_token
        assert work is not None
        self.work, self.peak = work, self.accelerator.peak_flops_per_s("bf16")
        self.rate = mfu * self.peak / work

    def first(self, **observed: Any) -> str:
        """The code of the likeliest cause."""
        found = measure(**self.common, **observed).findings
        assert found, "a number that cannot be right was accepted"
        assert found[0].code in ("sanity/above-100", "sanity/too-high", "sanity/too-low")
        return found[1].code


@pytest.mark.parametrize("hardware", HARDWARE)
@pytest.mark.parametrize("mfu", TRUE)
@pytest.mark.parametrize("devices", [8, 64, 1024])
def test_whole_job_against_one_device(hardware: str, mfu: float, devices: int) -> None:
    """The job's tokens per second given for a device, and a device's for the job."""
    run = Run(hardware, mfu)

    assert run.first(devices=devices, tokens_per_second_per_device=run.rate * devices) == "sanity/job-rate"
    assert run.first(devices=devices, tokens_per_second=run.rate) == "sanity/per-device-rate"


@pytest.mark.parametrize("hardware", HARDWARE)
@pytest.mark.parametrize("mfu", TRUE)
@pytest.mark.parametrize("devices", [8, 64])
def test_micro_batch_for_the_global_one(hardware: str, mfu: float, devices: int) -> None:
    """The step's time with a device's or a micro-batch's sequences; a micro-batch's time with the step's."""
    run = Run(hardware, mfu)
    step = 512 * 8192 / (run.rate * devices)

    assert run.first(devices=devices, step_time=step, global_batch=512 // devices) == "sanity/micro-batch"
    assert run.first(devices=devices, step_time=step, global_batch=16) == "sanity/micro-batch"
    assert run.first(devices=devices, step_time=step / 16, global_batch=512) == "sanity/micro-batch"
    assert run.first(devices=devices, step_time=step * 1000, global_batch=512) == "sanity/milliseconds"


@pytest.mark.parametrize("hardware", ["h100-sxm", "a100-sxm-80gb", "b200", "mi300x"])
@pytest.mark.parametrize("mfu", [0.12, 0.15, 0.19])
def test_the_sparse_peak(hardware: str, mfu: float) -> None:
    """Twice the dense peak: half the MFU, said whether it was asked for or typed."""
    run = Run(hardware, mfu)
    sparse = run.accelerator.peak_flops_per_s("bf16", sparse=True)

    assert run.first(sparse=True, tokens_per_second_per_device=run.rate) == "sanity/sparse-peak"
    assert run.first(peak=sparse, devices=8, tokens_per_second=8 * run.rate) == "sanity/sparse-peak"


@pytest.mark.parametrize("hardware", ["h100-sxm", "b200", "mi300x"])
def test_the_wrong_number_format(hardware: str) -> None:
    """An fp8 run over the bf16 peak comes out near 100%; a bf16 run over the fp32 peak above it."""
    run = Run(hardware, 0.45)
    fp8 = 0.45 * run.accelerator.peak_flops_per_s("fp8") / run.work

    assert run.first(tokens_per_second_per_device=fp8) == "sanity/dtype"
    assert run.first(dtype="fp32", devices=64, tokens_per_second=64 * run.rate) == "sanity/dtype"


@pytest.mark.parametrize("hardware", ["mi250x", "tpu-v3"])
def test_half_a_package(hardware: str) -> None:
    """The tokens of a whole package over the peak of one of its two dies."""
    run = Run(hardware, 0.48)

    assert run.first(tokens_per_second_per_device=2 * run.rate) == "sanity/half-package"


def test_the_causal_convention() -> None:
    """At 128k tokens attention is most of the work: a kernel that skips the masked half shows above 100% of `full`."""
    long = {"model": "llama-3.1-8b", "seq_len": 131072, "hardware": "h100-sxm", "devices": 64}
    shares = measure(**long, tokens_per_second=64_000).by_convention
    assert shares["causal"] is not None
    assert shares["full"] is not None
    found = measure(**long, tokens_per_second=64_000 * 0.65 / shares["causal"]).findings

    assert found[0].code == "sanity/above-100"
    assert found[1].code == "sanity/causal"
    assert found[1].mfu_if_so == pytest.approx(0.65)


def test_recomputation_that_exceeds_the_peak_is_an_error() -> None:
    """80% and a third more for the forward pass again is 107%: not both can be."""
    found = measure(model="llama-3.1-8b", hardware="h100-sxm", recompute="full", tokens_per_second_per_device=13_700)
    assert found.mfu == pytest.approx(0.802, abs=0.001)
    assert found.hfu is not None
    assert found.hfu > 1
    assert (found.findings[0].code, found.findings[0].severity) == ("sanity/hfu-above-100", "error")
    assert found.verdict.grade == "impossible"


def test_a_foreign_peak_is_named_even_where_the_number_is_plausible() -> None:
    """20% of 1,979 TFLOP/s is 41% of the dense peak of the same device."""
    typed = measure(
        model="llama-3.1-8b", hardware="h100-sxm", peak="1979 TFLOP/s", tokens_per_second_per_device=7000
    ).findings

    assert typed[0].code == "peak/sparse"
    assert typed[0].mfu_if_so == pytest.approx(0.41, abs=0.001)


def test_a_claim_above_100_percent_is_read() -> None:
    """337% was printed for a run at 42% on 8 devices: the peak was divided by their number."""
    m = measure(model="llama-3.1-8b", hardware="h100-sxm", tokens_per_second_per_device=7000, reported_mfu="337%")

    assert m.findings[0].code == "peak/implied"
    assert "120.3 TFLOP/s" in m.findings[0].message


def test_what_was_taken_for_granted_is_said() -> None:
    """Number format, convention, length: each default is a warning, and none where all is given."""
    observed = {"model": "gpt2", "hardware": "h100-sxm", "tokens_per_second_per_device": 1000}
    few = measure(**observed).warnings
    all_given = measure(**observed, dtype="bf16", convention="full", seq_len=1024).warnings

    assert [any(word in w for w in few) for word in ("--dtype", "--convention", "--seq-len")] == [True] * 3
    assert all_given == ()


def test_sequences_and_images_are_work_units_too() -> None:
    """One 8,192-token sequence a second is 8,192 tokens a second; an image is the unit of a vision model."""
    text = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "seq_len": 8192}
    image = {"model": "resnet-50", "hardware": "h100-sxm"}

    assert measure(**text, tokens_per_second_per_device="1 sequences/s").tokens_per_s_per_device == 8192
    assert measure(**image, tokens_per_second_per_device="2500 images/s").tokens_per_s_per_device == 2500


def test_hfu_under_the_same_convention_as_the_mfu() -> None:
    """Nothing recomputed: HFU equals MFU whatever is counted; 6N with full recomputation is 8N."""
    common = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "tokens_per_second_per_device": 7000}
    for convention in ("full", "causal", "6n", "megatron", "palm"):
        m = measure(**common, convention=convention, recompute="none", attention_kernel="unfused")
        assert m.hfu == pytest.approx(m.mfu)
    bare = measure(params="8B", hardware="h100-sxm", tokens_per_second_per_device=7000, recompute="full")
    assert bare.hfu == pytest.approx(bare.mfu * 4 / 3)
