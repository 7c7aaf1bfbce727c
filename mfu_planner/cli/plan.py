"""``mfu-planner plan``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mfu_planner.cli.options import asking
from mfu_planner.cli.output import emit

if TYPE_CHECKING:
    from rich.console import Console

_FILE = click.Option(
    ["--file", "plan_file"], metavar="PATH", help="A plan.yaml, with stages if it likes; flags win over it."
)


@asking("plan", _FILE)
def command(as_json: bool, plan_file: str | None = None, **flags: Any) -> None:
    """Plan a training run: give what you know, the rest is solved for.

    \b
    mfu-planner plan --model llama-3.1-70b --hardware h100-sxm --devices 2048 --tokens 15T --mfu 40%
    mfu-planner plan --model llama-3.1-8b --hardware h100-sxm --budget '$2M' --deadline 60d --mfu 40%
    mfu-planner plan --model llama-3.1-8b --hardware h100-sxm --tokens 1T --mfu 45% --deadline 30d
    mfu-planner plan --model llama-3.1-8b --hardware h100-sxm --devices 64 --tokens 1T --global-batch 512 --predict
    mfu-planner plan --optimal chinchilla --hardware h100-sxm --devices 8 --deadline '4 weeks' --budget '$50k'
    """
    from mfu_planner.answers.planfile import plan_file as from_file
    from mfu_planner.answers.planfile import plan_stages

    result = from_file(plan_file, **flags) if plan_file else plan_stages(flags)

    def show(console: Console) -> None:
        from mfu_planner.report.plan import render_plan

        render_plan(result, console, explain="explain" in flags)

    emit(result.as_json(), as_json, show)
