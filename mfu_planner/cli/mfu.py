"""``mfu-planner mfu``."""

from __future__ import annotations

from typing import Any

import click

from mfu_planner.cli.options import (
    convention_option,
    devices_option,
    explain_option,
    hardware_options,
    model_options,
    price_options,
    text,
    without_empty,
)
from mfu_planner.cli.output import emit, json_option


@click.command("mfu")
@model_options
@hardware_options
@devices_option
@text("tokens-per-second", "Observed rate of the whole job.", "RATE")
@text("tokens-per-second-per-device", "Observed rate of one device.", "RATE")
@text("step-time", "Seconds of one optimizer step, such as 5.2s; beside --global-batch.", "TIME")
@text("global-batch", "Sequences per step, or '16M tokens'.", "BATCH")
@text("flops-per-second-per-device", "Somebody's achieved rate, such as '400 TFLOP/s'.", "RATE")
@text("reported-mfu", "The MFU somebody printed beside it: names the peak they divided by.", "FRACTION")
@text("tokens", "Tokens of the whole run; beside --device-hours.", "TOKENS")
@text("device-hours", "Device-hours of the whole run, such as 30.84M.", "HOURS")
@text("goodput", "Productive share of those hours (default: 1.0, with a warning).", "FRACTION")
@click.option("--recompute", help="none, selective or full activation recomputation: gives the HFU.")
@click.option("--attention-kernel", help="fused or unfused: a fused kernel computes the scores again (HFU).")
@price_options
@convention_option
@explain_option
@json_option
def command(explain: bool, as_json: bool, **flags: Any) -> None:
    """MFU of an observed run, whether it is good, and whether the number itself can be right.

    \b
    mfu-planner mfu --model llama-3.1-8b --hardware h100-sxm --tokens-per-second-per-device 9400
    mfu-planner mfu --model llama-3.1-8b --hardware h100-sxm --devices 64 --step-time 5.6s --global-batch 512
    mfu-planner mfu --hardware h100-sxm --flops-per-second-per-device '400 TFLOP/s'
    """
    from mfu_planner.measuring import measure

    given = without_empty({**flags, "explain": explain})
    result = measure(**given)
    from mfu_planner.report.measure import render_measurement

    emit(result.as_json(), as_json, lambda console: render_measurement(result, console, explain=explain))
