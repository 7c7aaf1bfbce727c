"""Flags that several commands share; each one's name, with underscores, is a field of the Scenario."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def _flags(*options: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def text(name: str, help_text: str, metavar: str = "VALUE") -> Callable[[F], F]:
    """A flag whose text the planner reads itself, with units."""
    return click.option(f"--{name}", metavar=metavar, help=help_text)


model_options = _flags(
    text("model", "A preset, such as llama-3.1-8b (see `mfu-planner models`).", "NAME"),
    text("config", "A Hugging Face config.json.", "PATH"),
    text("params", "Bare number of parameters, such as 70B: the 6n convention only.", "COUNT"),
    text("active-params", "Parameters that one token uses, beside --params.", "COUNT"),
    text("seq-len", "Tokens per sequence (default: the preset's training length).", "TOKENS"),
    text("target-seq-len", "Decoder tokens per sequence of an encoder–decoder.", "TOKENS"),
    text("image-size", "Pixels along each side of an image.", "PIXELS"),
    text("images", "Images per sequence of a multimodal model (default: none).", "COUNT"),
    text("packed", "Documents packed into sequences, as length:count, such as '512:1000,1024:20'.", "LENGTHS"),
    text("lora-rank", "Train low-rank adapters of this rank; the model itself is frozen.", "RANK"),
    text("lora-targets", "Linear layers with an adapter, such as q_proj,v_proj (default: all).", "NAMES"),
    text("freeze", "Stacks, blocks or operators that are not trained, such as vision.", "NAMES"),
)
hardware_options = _flags(
    text("hardware", "Catalogue id, marketing name, or what the driver prints.", "NAME"),
    text("peak", "Peak rate of one device in place of the catalogue's, such as '989 TFLOP/s'.", "RATE"),
    click.option("--dtype", metavar="NAME", help="Number format of the matrix products (default: bf16)."),
    click.option("--peak-dtype", metavar="NAME", help="Number format whose peak is divided by (default: --dtype)."),
    click.option("--sparse", is_flag=True, help="Divide by the peak with structured sparsity."),
)
price_options = _flags(
    text("price", "Price of a device-hour, such as '2.5 $/h' (default: dated prices of the providers).", "PRICE"),
    text("provider", "Whose price: aws, gcp, lambda, …; several with commas are compared.", "NAMES"),
    text("term", "on-demand (default), spot, reserved-1y or reserved-3y.", "TERM"),
    text("region", "A provider's own region name, for the price.", "NAME"),
    text("as-of", "Use the prices of this date, such as 2026-01-01.", "DATE"),
)
convention_option = text("convention", "What counts as model FLOPs (default: full).", "NAME")
devices_option = text("devices", "Number of devices, or '64 chips'.", "COUNT")
explain_option = click.option("--explain", is_flag=True, help="Show each formula with the numbers put in, and sources.")


def without_empty(flags: dict[str, Any]) -> dict[str, Any]:
    """The flags that were given."""
    return {name: value for name, value in flags.items() if value is not None and value is not False}
