"""A number format by any of the names that frameworks and people use."""

from __future__ import annotations

from typing import Any

import pytest

from mfu_planner import diagnose, measure, plan, predict
from mfu_planner.errors import InputError
from mfu_planner.hardware import dtype_key, resolve

_RUN: dict[str, Any] = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "seq_len": 8192}
_PEAK = {"bf16": 989.5e12, "fp16": 989.5e12, "fp32": 67e12, "tf32": 494.5e12, "fp8": 1979e12}
"""FLOP/s of one H100 SXM, dense, rounded: NVIDIA H100 Tensor Core GPU datasheet, half of its figures with sparsity."""


@pytest.mark.parametrize(
    ("name", "means"),
    [
        ("bfloat16", "bf16"),
        ("BF16", "bf16"),
        ("torch.bfloat16", "bf16"),
        ("bf16-mixed", "bf16"),
        ("float16", "fp16"),
        ("half", "fp16"),
        ("float32", "fp32"),
        ("TF32", "tf32"),
        ("e4m3", "fp8"),
        ("fp8-e5m2", "fp8"),
        ("float8_e4m3fn", "fp8"),
    ],
)
def test_every_command_takes_it(name: str, means: str) -> None:
    """The answer is that of the catalogue's name, echoed by that name."""
    rate = {"tokens_per_second_per_device": 900}
    known = {"tokens": "1T", "devices": 8, "mfu": 0.1}
    assert plan(**_RUN, dtype=name, **known).peak_flops_per_s == pytest.approx(_PEAK[means], rel=2e-3)
    measured = measure(**_RUN, dtype=name, **rate)
    assert (measured.peak_dtype, measured.inputs.get("dtype", "bf16")) == (means, means)
    assert measure(**_RUN, peak_dtype=name, **rate).mfu == measured.mfu
    laid_out = {**_RUN, "devices": 8, "zero": 3}
    assert predict(**laid_out, dtype=name) == predict(**laid_out, dtype=means)
    found, same = (diagnose(**laid_out, **rate, dtype=d, search=False) for d in (name, means))
    assert found.model_dump(exclude={"inputs"}) == same.model_dump(exclude={"inputs"})


def test_nvfp4_where_the_device_has_it() -> None:
    """Blackwell's."""
    assert dtype_key("nvfp4") == dtype_key("E2M1") == "fp4"
    found = plan(model="llama-3.1-8b", hardware="b200", dtype="NVFP4", tokens="1T", devices=8, mfu=0.3)
    assert found.peak_flops_per_s == resolve("b200").peak_flops_per_s("fp4")


@pytest.mark.parametrize(("ask", "field"), [(measure, "dtype"), (measure, "peak_dtype"), (predict, "dtype")])
def test_a_format_that_the_device_lacks(ask: Any, field: str) -> None:
    """Says which it has."""
    rate = {"tokens_per_second_per_device": 900} if ask is measure else {"devices": 8}
    with pytest.raises(InputError, match=r"A100.*bf16") as refused:
        ask(**{**_RUN, "hardware": "a100-sxm-80gb", field: "nvfp4", **rate})
    assert refused.value.field == field.replace("_", "-")


def test_no_format_at_all() -> None:
    """Names the field and the nearest."""
    with pytest.raises(InputError, match=r"peak-dtype: got 'bfloat61'.*nearest: bfloat16"):
        measure(**_RUN, peak_dtype="bfloat61", tokens_per_second_per_device=900)
