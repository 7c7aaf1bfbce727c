"""``mfu-planner flops``."""

from __future__ import annotations

from typing import Any

from mfu_planner.cli.options import asking
from mfu_planner.cli.output import emit


@asking("flops")
def command(as_json: bool, **flags: Any) -> None:
    """Parameters and FLOPs of a model on one batch, operator by operator.

    \b
    mfu-planner flops --model llama-3.1-8b --seq-len 8192
    mfu-planner flops --config config.json --seq-len 4096 --batch 4 --convention all
    mfu-planner flops --model deepseek-v3 --seq-len 4096 --symbolic
    """
    from mfu_planner.answers.flops import flops

    result = flops(**flags)
    from mfu_planner.report.flops import render_flops

    symbolic, explain = "symbolic" in flags, "explain" in flags
    emit(result.as_json(), as_json, lambda console: render_flops(result, console, symbolic=symbolic, explain=explain))
