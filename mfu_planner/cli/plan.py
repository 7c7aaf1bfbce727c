"""``mfu-planner plan``."""

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


@click.command("plan")
@click.option("--file", "plan_file", metavar="PATH", help="A plan.yaml, with stages if it likes; flags win over it.")
@model_options
@text("tokens", "Training tokens, such as 15.6T.", "TOKENS")
@hardware_options
@devices_option
@text("devices-per-node", "Devices are rounded to whole nodes of this size (default: the usual server).", "COUNT")
@text("mfu", "Target MFU: 0.4 or 40%.", "FRACTION")
@text("deadline", "Latest wall-clock time, such as 30d.", "TIME")
@text("budget", "Most money for device time, such as '$2M'.", "USD")
@price_options
@text("goodput", "Productive share of the wall clock (default: 1.0, with a warning).", "FRACTION")
@text("pue", "Power usage effectiveness of the data centre.", "NUMBER")
@text("grid", "Whose electricity, for CO₂: a country (default: the world).", "COUNTRY")
@text("global-batch", "Sequences per step, or '16M tokens': gives the number of steps and the time of one.", "BATCH")
@text("tokens-per-second", "Observed rate of the whole job, in place of --mfu.", "RATE")
@text("tokens-per-second-per-device", "Observed rate of one device, in place of --mfu.", "RATE")
@convention_option
@explain_option
@json_option
def command(plan_file: str | None, explain: bool, as_json: bool, **flags: Any) -> None:
    """Plan a training run: give what you know, the rest is solved for.

    \b
    mfu-planner plan --model llama-3.1-70b --hardware h100-sxm --devices 2048 --tokens 15T --mfu 40%
    mfu-planner plan --model llama-3.1-8b --hardware h100-sxm --budget '$2M' --deadline 60d --mfu 40%
    mfu-planner plan --model llama-3.1-8b --hardware h100-sxm --tokens 1T --mfu 45% --deadline 30d
    """
    from mfu_planner.planfile import plan_file as from_file
    from mfu_planner.planfile import plan_stages

    given = without_empty({**flags, "explain": explain})
    result = from_file(plan_file, **given) if plan_file else plan_stages(given)
    from mfu_planner.report.plan import render_plan

    emit(result.as_json(), as_json, lambda console: render_plan(result, console, explain=explain))
