"""``mfu-planner watch``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mfu_planner.cli.options import QuestionCommand, asking
from mfu_planner.questions.evidence import WatchQuestion

if TYPE_CHECKING:
    from mfu_planner.observe.watch.look import Look


class _Watch(QuestionCommand):
    """Takes what stands behind ``--`` as a command to run, options of its own included."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Part the command from the rest."""
        cut = args.index("--") if "--" in args else len(args)
        ctx.meta[_Watch.__name__] = tuple(args[cut + 1 :])
        return super().parse_args(ctx, args[:cut])


@asking("watch", kind=_Watch, as_json=False)
def command(files: tuple[str, ...] = (), **flags: Any) -> None:
    """Watch a running job: MFU, expected finish and cost, alarms.

    FILE is a log that grows, FOLDER holds logs of several jobs; after -- stands a command to run, whose output is
    passed on.

    \b
    mfu-planner watch --model llama-3.1-8b --hardware h100-sxm --devices 64 train.log
    mfu-planner watch --target-tokens 2T --price '2.5 $/h' --prometheus :9464 logs/
    mfu-planner watch --every 30s -- torchrun train.py
    """
    from mfu_planner.observe.watch import watch
    from mfu_planner.units import parse

    own = ("every", "rounds", "predicted_mfu", "prometheus", "textfile", "otel")
    asked = WatchQuestion.of({name: flags.pop(name) for name in own if name in flags})
    context = click.get_current_context()
    status = watch(
        files,
        command=context.meta.get(_Watch.__name__, ()),
        every_s=float(parse(asked.every, "time", field="every")),
        rounds=asked.rounds,
        predicted_mfu=asked.predicted_mfu,
        address=asked.prometheus,
        textfile=asked.textfile,
        opentelemetry=asked.otel,
        shown=_line,
        **flags,
    )
    context.exit(status)


def _line(job: str, seen: Look) -> None:
    """One line on stderr, and one for each alarm."""
    from mfu_planner.report.human import percent, show

    parts = [
        f"step {seen.step:,.0f}" if seen.step is not None else "",
        f"MFU {percent(seen.mfu)}" if seen.mfu is not None else "",
        f"{seen.step_time_s:.4g} s a step" if seen.step_time_s is not None else "",
        f"{seen.tokens_per_s_per_device:,.0f} tokens/s/device" if seen.tokens_per_s_per_device is not None else "",
        f"{show(seen.remaining_s, 'time')} to go" if seen.remaining_s is not None else "",
        f"${seen.remaining_cost_usd:,.0f} to spend" if seen.remaining_cost_usd is not None else "",
    ]
    text = " · ".join(part for part in parts if part)
    for line in ([text] if text else []) + [f"! {alarm}" for alarm in seen.alarms]:
        click.echo(f"{job}: {line}", err=True)
