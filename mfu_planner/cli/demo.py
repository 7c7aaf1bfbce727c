"""``mfu-planner demo``: one real run in both directions, beside the published figures."""

from __future__ import annotations

import click

from mfu_planner.cli.output import emit, json_option


@click.command("demo")
@json_option
def command(as_json: bool) -> None:
    """Llama 3.1 405B: the plan at the published MFU, and the MFU from the published throughput and hours."""
    from mfu_planner.answers.demo import llama_405b

    result = llama_405b()
    from mfu_planner.report.demo import render_demo

    emit(result.as_json(), as_json, lambda console: render_demo(result, console))
