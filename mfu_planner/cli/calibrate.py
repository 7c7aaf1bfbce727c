"""``mfu-planner calibrate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mfu_planner.cli.options import asking
from mfu_planner.cli.output import emit

if TYPE_CHECKING:
    from rich.console import Console

    from mfu_planner.calibrating.result import CalibrationResult

_OUTPUT = click.Option(["-o", "--output"], metavar="FILE", help="Where the stack is written, such as stack.yaml.")


@asking("calibrate", _OUTPUT)
def command(as_json: bool, runs: tuple[str, ...] = (), **flags: Any) -> None:
    """Fit a software stack of your own to a few measured steps, and say which run to make next.

    RUNS are logs of any known format, files of the Meter, folders (a Weights & Biases run), each with the flags of
    `mfu-planner predict` in a YAML file beside it (run1.yaml for run1.jsonl, or plan.yaml); or CSV files of runs.
    --stack takes what -o writes.

    \b
    mfu-planner calibrate run1.jsonl run2.jsonl run3.jsonl -o stack.yaml
    mfu-planner calibrate my-runs.csv --base megatron-2026 --suggest 3
    """
    from mfu_planner.calibrating.calibrate import calibrate

    found = calibrate(*runs, **flags)
    emit(found, as_json, lambda console: render(found, console))


def render(found: CalibrationResult, console: Console) -> None:
    """The calibration for people: the factors, the runs, how sure it is, what to run next."""
    from mfu_planner.report.human import grid, percent

    errors = found.leave_one_out
    console.print(f"{len(found.runs)} runs on the stack {found.base}: {found.name}", markup=False)
    rows = [
        (str(each["meaning"]), f"{each['times']:.2f}", f"± {100 * each['sd']:.0f}%", percent(each["informed"], 0))
        for each in found.constants.values()
    ]
    console.print(grid(("what takes so many times as long", "times", "unsure by", "settled by the runs"), rows))
    runs = [
        (r["run"], *("–" if r[key] is None else f"{r[key]:.4g}" for key in _SHOWN))
        for r in found.runs
    ]  # fmt: skip
    console.print(grid(("run", "measured s", "base s", "now s", "by the others s"), runs))
    if errors["median"] is not None:
        console.print(f"Each run predicted by the others: median error {percent(errors['median'])}", markup=False)
    low, high = found.range["low"] - 1, found.range["high"] - 1
    console.print(f"Range of a further run like them: {low:+.0%} to {high:+.0%}", markup=False)
    for each in found.suggested:
        console.print(f"Run next: {each['command']}", markup=False, soft_wrap=True)
        console.print(f"  about {each['expected_step_time_s']:.4g} s a step; settles {each['gain']:.0%}", markup=False)
    console.print(f"written to {found.written}" if found.written else "not written: -o FILE keeps it", markup=False)
    for warning in found.warnings:
        console.print(f"! {warning}", markup=False)


_SHOWN = ("step_s", "base_s", "predicted_s", "left_out_s")
