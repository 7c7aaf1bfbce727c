"""``mfu-planner flops``."""

from __future__ import annotations

from typing import Any

import click

from mfu_planner.cli.options import convention_option, explain_option, model_options, text, without_empty
from mfu_planner.cli.output import emit, json_option


@click.command("flops")
@model_options
@text("batch", "Sequences (default: 1).", "COUNT")
@convention_option
@click.option("--symbolic", is_flag=True, help="Show the formulas in the field's letters, derived from the operators.")
@explain_option
@json_option
def command(symbolic: bool, explain: bool, as_json: bool, **flags: Any) -> None:
    """Parameters and FLOPs of a model on one batch, operator by operator.

    \b
    mfu-planner flops --model llama-3.1-8b --seq-len 8192
    mfu-planner flops --config config.json --seq-len 4096 --batch 4 --convention all
    mfu-planner flops --model deepseek-v3 --seq-len 4096 --symbolic
    """
    from mfu_planner.work import flops

    result = flops(**without_empty({**flags, "symbolic": symbolic, "explain": explain}))
    from mfu_planner.report.flops import render_flops

    emit(result.as_json(), as_json, lambda console: render_flops(result, console, symbolic=symbolic, explain=explain))
