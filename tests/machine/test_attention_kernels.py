"""Rates of attention kernels: read off the figures of the FlashAttention-3 paper, and where a stack has them."""

from __future__ import annotations

import pytest

from mfu_planner.machine.calibrated import calibration, stack_among
from mfu_planner.step.kernels import fused_attention_time

PEAK = 989.4e12
MEASURED = {
    # arXiv:2407.08608, figures 5 and 6: TFLOP/s forward and backward, head size 128, H100 SXM5
    "flash-2": {512: (309, 214), 2048: (362, 291), 16384: (370, 322)},
    "cudnn-9": {512: (497, 305), 2048: (617, 465), 16384: (595, 516)},
    "flash-3": {512: (467, 316), 2048: (625, 501), 16384: (648, 561)},
}


@pytest.mark.parametrize("kernel", MEASURED)
def test_a_pass_there_and_back_takes_as_long_as_measured(kernel: str) -> None:
    """Exactly at the ends of the figure, within 6% between: a forward pass of 1 PFLOP and a backward one of 2.5."""
    held = calibration()["attention"][kernel]
    share, ramp = held["attention_fraction"]["hopper"], held["attention_ramp_tokens"]["hopper"]
    for length, (forward, backward) in MEASURED[kernel].items():
        seconds = sum(fused_attention_time(flops, length, PEAK, share, ramp, 0.0) for flops in (1e15, 2.5e15))
        measured = 1e15 / (forward * 1e12) + 2.5e15 / (backward * 1e12)
        assert seconds == pytest.approx(measured, rel=0.06 if length == 2048 else 1e-9)


def test_a_stack_has_the_rate_of_its_kernel_where_no_run_says_better() -> None:
    """On the generation that was measured; elsewhere, and without a kernel's name, what any stack has."""
    held = {name: dict(block) for name, block in calibration()["stacks"].items()}
    generic = held["generic"]["constants"]["attention_fraction"]
    held["mine"] = {"attention": "flash-3", "constants": {}}
    assert stack_among(held, "mine", "hopper", False).attention_fraction == pytest.approx(0.603, abs=5e-4)
    assert stack_among(held, "mine", "ampere", False).attention_fraction == generic["ampere"]
    assert (
        stack_among({**held, "mine": {"constants": {}}}, "mine", "hopper", False).attention_fraction
        == generic["hopper"]
    )
    own = {"attention": "flash-3", "constants": {"attention_fraction": {"hopper": 0.5}}}
    assert stack_among({**held, "mine": own}, "mine", "hopper", False).attention_fraction == 0.5
