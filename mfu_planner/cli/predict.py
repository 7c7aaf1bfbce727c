"""``mfu-planner predict``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mfu_planner.cli.layout_options import layout_options
from mfu_planner.cli.options import convention_option, text
from mfu_planner.cli.output import emit, json_option

if TYPE_CHECKING:
    from rich.console import Console

    from mfu_planner.prediction.result import Prediction


@click.command("predict")
@text("model", "A preset, such as llama-3.1-8b.", "NAME")
@text("config", "A Hugging Face config.json.", "PATH")
@text("image-size", "Pixels along each side of an image.", "PIXELS")
@text("seq-len", "Tokens per sequence (default: the preset's training length).", "TOKENS")
@text("hardware", "Catalogue id, marketing name, or what the driver prints.", "NAME")
@text("dtype", "Number format of the layers' products: bf16 (default), fp16, fp8, fp4.", "NAME")
@layout_options
@text("loader-tokens-per-s", "What the input pipeline delivers, such as '2M token/s' (default: enough).", "RATE")
@convention_option
@json_option
def command(as_json: bool, **flags: Any) -> None:
    """Predict one training step: its time, its MFU, and where the rest of the peak goes.

    \b
    mfu-planner predict --model llama-3.1-8b --hardware h100-sxm --devices 64 --tp 2 --global-batch 256
    """
    from mfu_planner.prediction.predicting import predict

    result = predict(**{name: value for name, value in flags.items() if value is not None})
    emit(result, as_json, lambda console: render(result, console))


def render(result: Prediction, console: Console) -> None:
    """The prediction for people: the figures, the waterfall from the peak, memory, what was assumed."""
    from rich.table import Table

    step, reach = result["step_time_s"], result["range"]
    console.print(
        f"[bold]{step:.4g} s[/bold] per step ({reach['low']:.4g} to {reach['high']:.4g}), "
        f"[bold]MFU {result['mfu']:.1%}[/bold], HFU {result['hfu']:.1%}, "
        f"{result['tokens_per_s_per_device']:,.0f} tokens/s per device"
    )
    table = Table(title="From the peak to the step", title_justify="left")
    for heading, side in (("part", "left"), ("seconds", "right"), ("share", "right"), ("", "left")):
        table.add_column(heading, justify=side)  # type: ignore[arg-type]
    for part in result["waterfall"]:
        table.add_row(part["name"].replace("_", " "), f"{part['seconds']:.4g}", f"{part['share']:.1%}", part["meaning"])
    console.print(table)
    memory = result["memory"]
    verdict = {True: "fits", False: "does not fit", None: "capacity unknown"}[memory["fits"]]
    held = f"{memory['total_bytes'] / 2**30:.1f} GiB"
    room = f" of {memory['usable_bytes'] / 2**30:.1f} GiB usable" if memory["usable_bytes"] else ""
    console.print(f"Memory: {held}{room} on the fullest device: {verdict}")
    job = result["job"]
    console.print(
        f"A long run: {job['failures_per_day']:.2g} failures a day, a checkpoint every "
        f"{job['checkpoint_interval_s'] / 60:.0f} min, goodput about {job['goodput']:.1%}"
    )
    for said in (*result["assumptions"], *result["warnings"]):
        console.print(f"[dim]· {said}[/dim]")
