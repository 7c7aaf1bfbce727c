"""The layout flags, the same in ``predict``, ``memory`` and ``search``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from mfu_planner.cli.options import text

F = TypeVar("F", bound=Callable[..., Any])

WHOLE = ("tp", "pp", "vpp", "cp", "ep", "dp", "zero_group", "micro_batch", "top")
"""Flags that are whole numbers."""


def whole_numbers(given: dict[str, Any]) -> dict[str, Any]:
    """The flags with whole numbers read.

    Raises
    ------
    InputError
        One that is none.
    """
    from mfu_planner.units import parse_whole

    read = {n: parse_whole(given[n], "count", field=n.replace("_", "-")) for n in WHOLE if given.get(n) is not None}
    return {**given, **read}


def layout_options(function: F) -> F:
    """Add every layout flag to a command."""
    options = [
        text("devices", "Number of devices, or '64 chips'.", "COUNT"),
        text("cluster", "The machine, such as aws-p5 or dgx-h100 (default: the device's usual one).", "NAME"),
        text("tp", "Tensor parallelism.", "N"),
        text("pp", "Pipeline stages.", "N"),
        text("vpp", "Model chunks per stage (interleaved pipeline).", "N"),
        text("cp", "Context parallelism.", "N"),
        text("ep", "Expert parallelism (divides dp · cp).", "N"),
        text("dp", "Data parallelism (default: devices ÷ (tp·pp·cp)).", "N"),
        click.option(
            "--zero", type=click.Choice(["0", "1", "2", "3"]), help="ZeRO stage; 3 is FSDP (default: the stack's)."
        ),
        text("zero-group", "Devices that share the shards (hybrid sharding; default: all).", "N"),
        click.option(
            "--sequence-parallel/--no-sequence-parallel",
            default=None,
            help="Split norms over TP (default: the stack's).",
        ),
        text("micro-batch", "Sequences per micro-batch (default: 1).", "N"),
        text("global-batch", "Sequences per step, or '16M tokens'.", "COUNT"),
        click.option("--recompute", type=click.Choice(["none", "selective", "full"]), help="Activation recomputation."),
        click.option(
            "--schedule",
            type=click.Choice(["gpipe", "1f1b", "interleaved", "zero-bubble", "dualpipe"]),
            help="Pipeline schedule (default: interleaved with --vpp above 1, else 1f1b).",
        ),
        text("recompute-share", "Share of the layers under --recompute full (default: all).", "FRACTION"),
        text("optimizer", "adam, adam-8bit, adam-bf16, adafactor, muon, sgd (default: adam).", "NAME"),
        click.option("--attention-kernel", type=click.Choice(["fused", "unfused"]), help="Default: the stack's."),
        click.option("--compile", "compile", is_flag=True, default=None, help="Compiled blocks: fewer, fused kernels."),
        click.option("--offload", is_flag=True, default=None, help="Optimizer states in host memory."),
        text("expert-imbalance", "Tokens of the busiest expert over the mean (default: 1).", "NUMBER"),
        text("stack", "Software stack whose constants apply (default: by device).", "NAME"),
    ]
    for option in reversed(options):
        function = option(function)
    return function
