"""Measuring: MFU from every kind of observation, conventions, and whether the number can be right."""

from __future__ import annotations

import math

import pytest

from mfu_planner import InputError, measure

H100 = 989.4e12


def llama_8b_flops(tokens: int) -> float:
    """Training FLOP per token by hand: d 4096, 8 kv heads of 128, ffn 14336, 32 layers, vocabulary 128256."""
    layer = 2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 14336
    return 3 * (2 * (32 * layer + 4096 * 128256) + 32 * 4 * tokens * 4096)


def test_9400_tokens_per_second_of_an_8b_on_h100() -> None:
    """The engineer's question, by hand: 9,400 × 57.9 GFLOP ÷ 989.4 TFLOP/s."""
    m = measure(model="llama-3.1-8b", hardware="h100-sxm", seq_len=8192, tokens_per_second_per_device=9400)

    assert m.mfu == pytest.approx(9400 * llama_8b_flops(8192) / H100, rel=1e-4)
    assert m.verdict is not None
    assert m.verdict.grade == "good"
    assert m.hfu is None


def test_four_ways_to_say_the_same_run() -> None:
    """Per device, whole job, step time with batch (sequences or tokens), FLOP/s: one MFU."""
    common = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "seq_len": 8192, "devices": 64}
    per_device = measure(**common, tokens_per_second_per_device=8000)
    ways = [
        measure(**common, tokens_per_second=512_000),
        measure(**common, step_time=512 * 8192 / 512_000, global_batch=512),
        measure(**common, step_time=f"{512 * 8192 / 512_000!r}s", global_batch=f"{512 * 8192} tokens"),
        measure(**common, flops_per_second_per_device=per_device.achieved_flops_per_s_per_device),
    ]

    assert all(math.isclose(m.mfu, per_device.mfu, rel_tol=1e-12) for m in ways)


def test_405b_from_throughput_and_from_hours() -> None:
    """Llama 3 paper, Table 4: 400 TFLOP/s is 40.4% of 989.4; the model card's 30.84M hours are about 37%."""
    rate = measure(hardware="h100-sxm", flops_per_second_per_device="400 TFLOP/s")
    hours = measure(model="llama-3.1-405b", hardware="h100-sxm", tokens="15.6T", device_hours="30.84M", goodput=1)

    assert rate.mfu == pytest.approx(0.404, abs=5e-4)
    assert hours.mfu == pytest.approx(0.373, abs=2e-3)


def test_conventions_disagree_by_what_they_count() -> None:
    """8B at 8k: 6N leaves attention out, causal halves it, PaLM adds the embedding (published spread 40.2 to 61.1)."""
    m = measure(model="llama-3.1-8b", hardware="h100-sxm", seq_len=8192, tokens_per_second_per_device=9400)
    per_token = {n: v * m.peak_flops_per_s / 9400 / 1e9 for n, v in m.by_convention.items() if v is not None}

    assert per_token["full"] == pytest.approx(57.91, abs=0.01)
    assert per_token["megatron"] == pytest.approx(51.47, abs=0.01)
    assert per_token["palm"] == pytest.approx(61.07, abs=0.01)
    assert per_token["6n"] == pytest.approx(48.18, abs=0.01)
    assert per_token["hf-trainer"] == pytest.approx(45.03, abs=0.01)


def test_hfu_counts_recomputation() -> None:
    """Full recomputation repeats the forward pass of the layers: HFU is about 4/3 of MFU."""
    common = {"model": "llama-2-70b", "hardware": "a100-sxm-80gb", "tokens_per_second_per_device": 250}
    none = measure(**common, recompute="none", attention_kernel="unfused")
    full = measure(**common, recompute="full", attention_kernel="unfused")

    assert none.hfu == pytest.approx(none.mfu)
    assert full.hfu is not None
    assert 1.30 < full.hfu / full.mfu <= 4 / 3


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"tokens_per_second_per_device": 9400 * 8, "devices": 8}, "sanity/job-rate"),
        ({"tokens_per_second": 9400, "devices": 64}, "sanity/per-device-rate"),
        ({"tokens_per_second_per_device": 14_000, "hardware": "h100-pcie", "dtype": "bf16"}, "sanity/dtype"),
        ({"tokens_per_second_per_device": 11_000, "peak": "495 TFLOP/s", "hardware": "h100-sxm"}, "sanity/dtype"),
        ({"step_time": "5.6s", "global_batch": 1, "devices": 8}, "sanity/micro-batch"),
    ],
)
def test_an_impossible_number_names_its_likely_cause(given: dict[str, object], code: str) -> None:
    """The true cause stands among the first two, with the MFU it would give."""
    m = measure(**{"model": "llama-3.1-8b", "hardware": "h100-sxm", "seq_len": 8192, **given})

    assert m.findings[0].code in ("sanity/above-100", "sanity/too-high", "sanity/too-low")
    assert code in [f.code for f in m.findings[1:4]]


def test_sparse_peak_is_found_behind_a_low_number() -> None:
    """Dividing by the sparse peak halves the MFU: 2.2% would be 4.4%."""
    m = measure(model="llama-3.1-8b", hardware="h100-sxm", sparse=True, tokens_per_second_per_device=750)

    sparse = [f for f in m.findings if f.code == "sanity/sparse-peak"]
    assert sparse
    assert sparse[0].mfu_if_so == pytest.approx(2 * m.mfu, rel=1e-3)


def test_a_plausible_number_has_no_findings() -> None:
    """40% needs no warning."""
    m = measure(model="llama-3.1-8b", hardware="h100-sxm", tokens_per_second_per_device=7000)

    assert m.findings == ()


def test_the_peak_behind_somebody_elses_mfu_is_named() -> None:
    """312 TFLOP/s is an A100's bf16 peak; on an H100 the MFU is 3.2 times smaller."""
    m = measure(hardware="h100-sxm", flops_per_second_per_device="156 TFLOP/s", reported_mfu="50%")

    (found,) = [f for f in m.findings if f.code == "peak/implied"]
    assert "312" in found.message
    assert "a100" in found.message.lower()
    assert found.mfu_if_so == pytest.approx(156 / 989.4, rel=1e-3)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "--tokens-per-second"),
        ({"tokens_per_second": 9000}, "--devices"),
        ({"step_time": "5s"}, "global-batch"),
        ({"global_batch": 8}, "step-time"),
        ({"tokens_per_second": 9000, "tokens_per_second_per_device": 5000, "devices": 2}, "apart"),
        ({"tokens_per_second": 9000, "step_time": "1s", "global_batch": 8, "devices": 2}, "apart"),
        ({"recompute": "some", "tokens_per_second_per_device": 1}, "recompute"),
    ],
)
def test_too_little_or_contradictory_observations(given: dict[str, object], words: str) -> None:
    """What is missing, or disagrees, is named in one line."""
    with pytest.raises(InputError, match=words):
        measure(model="gpt2", hardware="h100-sxm", **given)
