"""``mfu-planner watch``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mfu_planner.cli.options import (
    convention_option,
    devices_option,
    hardware_options,
    model_options,
    text,
    without_empty,
)

if TYPE_CHECKING:
    from mfu_planner.observe.watch.look import Look


class _Watch(click.Command):
    """Takes what stands behind ``--`` as a command to run, options of its own included."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Part the command from the rest."""
        cut = args.index("--") if "--" in args else len(args)
        ctx.meta[_Watch.__name__] = tuple(args[cut + 1 :])
        return super().parse_args(ctx, args[:cut])


@click.command("watch", cls=_Watch)
@click.option("--every", default="1m", show_default=True, metavar="TIME", help="Time between looks.")
@click.option("--rounds", type=click.IntRange(1), help="End after this many looks (default: never).")
@text("predicted-mfu", "What `mfu-planner predict` says of the layout: a slower job raises an alarm.", "FRACTION")
@text("prometheus", "Serve the numbers for Prometheus; ':9464' is this machine alone.", "HOST:PORT")
@text("textfile", "Write them for the node exporter's textfile collector at every look.", "FILE.prom")
@click.option("--otel", is_flag=True, help="Export over OTLP to where OTEL_EXPORTER_OTLP_ENDPOINT says.")
@devices_option
@text("global-batch", "Sequences per step of the whole job, or '16M tokens'.", "BATCH")
@text("target-tokens", "Tokens to reach: gives the expected finish and its cost.", "TOKENS")
@text("tokens-done", "Tokens trained so far, where the log does not say.", "TOKENS")
@text("price", "Price of a device-hour, such as '2.5 $/h'.", "PRICE")
@model_options
@hardware_options
@convention_option
@click.argument("files", nargs=-1, metavar="FILE|FOLDER|-- COMMAND")
@click.pass_context
def command(
    context: click.Context,
    /,
    files: tuple[str, ...],
    every: str,
    rounds: int | None,
    predicted_mfu: str | None,
    prometheus: str | None,
    textfile: str | None,
    otel: bool,
    **flags: Any,
) -> None:
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

    given = without_empty(flags)
    status = watch(
        files,
        command=context.meta[_Watch.__name__],
        every_s=float(parse(every, "time", field="every")),
        rounds=rounds,
        predicted_mfu=None if predicted_mfu is None else float(parse(predicted_mfu, "fraction", field="predicted-mfu")),
        address=prometheus,
        textfile=textfile,
        opentelemetry=otel,
        shown=_line,
        **given,
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
