"""The demonstration in the terminal: published beside computed, and why they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfu_planner.report.human import grid, percent, print_warnings, show
from mfu_planner.units import KWH

if TYPE_CHECKING:
    from rich.console import Console

    from mfu_planner.answers.demo import Demo


def render_demo(d: Demo, console: Console) -> None:
    """Print both directions."""
    p, t, h = d.plan, d.from_throughput, d.from_hours
    console.print(
        f"[bold]Llama 3.1 405B[/bold]: {show(p.tokens, 'count')} tokens on {p.devices:,} H100 SXM, bf16, "
        f"sequences of {p.seq_len:,}\n"
    )
    energy = show(None if p.energy_kwh is None else p.energy_kwh * KWH, "energy")
    rows = [
        ("training time", f"{show(p.training_time_s, 'time')}", "–"),
        ("device-hours", f"{p.device_hours / 1e6:.2f}M", f"{d.device_hours_published / 1e6:.2f}M (model card)"),
        ("cost", f"{show(p.cost_usd, 'usd')} at ${p.price_usd_per_device_hour or 0:.2f} per device-hour", "–"),
        ("energy", energy, "–"),
    ]
    console.print(grid(("", "computed", "published"), rows, title=f"Plan at the published MFU of {percent(p.mfu, 0)}"))
    rows = [
        ("from 400 TFLOP/s per device", percent(t.mfu, 2), f"{percent(d.mfu_published, 0)} (paper, Table 4)"),
        ("from tokens and device-hours", percent(h.mfu, 2), "–"),
    ]
    console.print(grid(("", "computed", "published"), rows, title="MFU from what was published"))
    attention = p.flops_per_token / (6 * p.params) - 1
    causal = h.by_convention.get("causal")
    console.print(
        "[bold]Where and why they differ[/bold]\n"
        f"  · 400 TFLOP/s ÷ {p.peak_flops_per_s / 1e12:.1f} TFLOP/s is {percent(t.mfu, 1)}; the paper prints 41%: "
        "its inputs are rounded.\n"
        f"  · At 41% the arithmetic gives {p.device_hours / 1e6:.1f}M device-hours (each token takes "
        f"{show(p.flops_per_token, 'flop')}, {percent(attention)} of it above 6N: attention over all pairs at "
        f"{p.seq_len:,}).\n"
        f"    The card's {d.device_hours_published / 1e6:.2f}M hours mean {percent(h.mfu, 1)} over the whole programme"
        + (f" ({percent(causal, 1)} if only causal pairs count)" if causal is not None else "")
        + ":\n"
        "    restarts, checkpoints, the smaller batches of the ramp-up and the long-context stage are in the hours, "
        "not in Table 4.\n"
    )
    console.print("[bold]Sources[/bold]")
    for source in d.published["sources"].values():
        console.print(f"  {source['title']}: {source['url']}", markup=False)
    for name in ("peak_flops_per_s", "price_usd_per_device_hour", "pue"):
        if name in p.sources:
            console.print(f"  {name}: {p.sources[name]}", markup=False)
    print_warnings(console, p.warnings)
