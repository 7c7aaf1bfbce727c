"""``mfu-planner mfu``."""

from __future__ import annotations

from typing import Any

from mfu_planner.cli.options import asking
from mfu_planner.cli.output import emit


@asking("mfu")
def command(as_json: bool, **flags: Any) -> None:
    """MFU of an observed run, whether it is good, and whether the number itself can be right.

    \b
    mfu-planner mfu --model llama-3.1-8b --hardware h100-sxm --tokens-per-second-per-device 9400
    mfu-planner mfu --model llama-3.1-8b --hardware h100-sxm --devices 64 --step-time 5.6s --global-batch 512
    mfu-planner mfu --hardware h100-sxm --flops-per-second-per-device '400 TFLOP/s'
    """
    from mfu_planner.answers.measure import measure

    result = measure(**flags)
    from mfu_planner.report.measure import render_measurement

    emit(result.as_json(), as_json, lambda console: render_measurement(result, console, explain="explain" in flags))
