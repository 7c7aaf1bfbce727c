"""``mfu-planner diagnose``."""

from __future__ import annotations

from typing import Any

import click

from mfu_planner.cli.layout_options import whole_numbers
from mfu_planner.cli.options import (
    convention_option,
    devices_option,
    hardware_options,
    model_options,
    price_options,
    text,
    without_empty,
)
from mfu_planner.cli.output import emit, json_option

_SAID = ("loader_workers", "fused_optimizer", "sequence_parallel", "offload", "compile", "search")
"""Flags for which zero or "no" is an answer."""


@click.command("diagnose")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option(
    "--log", "log", multiple=True, metavar="FILE", help="A training log (as for `mfu-planner log`); may be repeated."
)
@click.option(
    "--trace", "trace", multiple=True, metavar="FILE", help="A profiler trace, one file a rank; may be repeated."
)
@model_options
@hardware_options
@devices_option
@text("tokens-per-second", "Observed rate of the whole job.", "RATE")
@text("tokens-per-second-per-device", "Observed rate of one device.", "RATE")
@text("step-time", "Seconds of one optimizer step, such as 5.2s; beside --global-batch.", "TIME")
@text("flops-per-second-per-device", "Somebody's achieved rate, such as '400 TFLOP/s'.", "RATE")
@text("mfu", "The observed MFU, where no rate is known.", "FRACTION")
@text("reported-mfu", "The MFU somebody printed beside a rate.", "FRACTION")
@text("goodput", "Productive share of the wall clock.", "FRACTION")
@text("global-batch", "Sequences per step, or '16M tokens'.", "BATCH")
@text("micro-batch", "Sequences per device and pass.", "COUNT")
@text("tp", "Tensor parallelism.", "COUNT")
@text("pp", "Pipeline stages.", "COUNT")
@text("vpp", "Chunks of layers per stage (interleaved schedule).", "COUNT")
@text("cp", "Context parallelism.", "COUNT")
@text("ep", "Expert parallelism.", "COUNT")
@text("dp", "Data parallelism.", "COUNT")
@text("zero", "ZeRO stage: 0, 1, 2 or 3 (FSDP).", "STAGE")
@text("zero-group", "Devices that share the shards.", "COUNT")
@click.option("--sequence-parallel/--no-sequence-parallel", default=None, help="Norms split over TP.")
@click.option("--recompute", help="none, selective or full activation recomputation.")
@click.option("--attention-kernel", help="fused or unfused.")
@click.option("--optimizer", help="adam, …")
@click.option("--offload", is_flag=True, default=None, help="The optimizer lives in host memory.")
@text("cluster", "A machine on file: its network.", "NAME")
@click.option("--compile/--eager", "compile", default=None, help="torch.compile or jit, or neither.")
@click.option("--fused-optimizer/--no-fused-optimizer", default=None, help="Whether the optimizer is one kernel.")
@click.option(
    "--gpu-utilisation",
    "--gpu-utilization",
    "gpu_utilisation",
    metavar="FRACTION",
    help="What the driver shows, such as 60%: share of the time with any kernel.",
)
@text("loader-workers", "Loader processes per rank (0: the training process loads).", "COUNT")
@text("loader-wait", "Wait for data: a share of the step (20%) or seconds (0.3s).", "SHARE")
@text("slowest-rank", "Slowest rank's compute time ÷ the median's, such as 1.15.", "RATIO")
@text("framework", "megatron-lm, torchtitan, nanotron, nemo, maxtext, pytorch, …", "NAME")
@text("stack", "Software stack of the step-time model, where --framework is too coarse.", "NAME")
@click.option("--search/--no-search", default=True, help="Look for a better layout too (about a second).")
@price_options
@convention_option
@json_option
def command(files: tuple[str, ...], as_json: bool, **flags: Any) -> None:
    """Why the MFU is low, and what to change first: the gap, the causes, the gain of each fix.

    Takes whatever there is: a throughput, the layout, a log, a trace, a few answers.  FILE is a log or a trace, told
    by content.

    \b
    mfu-planner diagnose --model llama-3.1-8b --hardware h100-sxm --devices 64 \\
        --tokens-per-second-per-device 6000 --zero 3 --micro-batch 1 --compile --loader-workers 0
    mfu-planner diagnose train.log --model llama-3.1-8b --hardware h100-sxm --devices 64
    mfu-planner diagnose --trace rank0.json.gz
    """
    from mfu_planner.diagnosis import diagnose

    given = whole_numbers({k: v for k, v in without_empty(flags).items() if v != ()})
    given |= {k: flags[k] for k in _SAID if flags.get(k) is not None}
    for kind, file in _told(files):
        given[kind] = (*given.get(kind, ()), file)
    result = diagnose(**given)
    from mfu_planner.diagnosis.render import render

    emit(result.as_json(), as_json, lambda console: render(result, console))


def _told(files: tuple[str, ...]) -> list[tuple[str, str]]:
    """(log or trace, file): a Chrome trace opens with a brace or bracket and soon speaks of events."""
    import gzip
    from pathlib import Path

    found = []
    for file in files:
        kind = "log"
        if file != "-" and Path(file).is_file():
            with Path(file).open("rb") as opened:
                start = opened.read(1 << 16)
            if start[:2] == b"\x1f\x8b":
                with gzip.open(file, "rb") as unpacked:
                    try:
                        start = unpacked.read(1 << 16)
                    except (OSError, EOFError):
                        start = b""
            head = start.lstrip()[:1]
            if head in (b"{", b"[") and (b'"traceEvents"' in start or b'"schemaVersion"' in start or b'"ph"' in start):
                kind = "trace"
        found.append((kind, file))
    return found
