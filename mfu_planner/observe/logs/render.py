"""A log report for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfu_planner.units import DAY, HOUR

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from mfu_planner.observe.logs.report import LogReport

_COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}


def render(report: LogReport, console: Console) -> None:
    """Draw the report: what was read, the rates with where they come from, the MFU, what remains, findings."""
    from rich.markup import escape

    span = "" if report.first_step is None else f", steps {report.first_step:,.0f} – {report.last_step:,.0f}"
    console.print(
        f"[bold]{report.format}[/bold]: {report.steps:,} logged steps{span} ({escape(', '.join(report.files))})"
    )
    console.print(_window(report), style="dim")
    if report.mfu is not None:
        how = ", ".join(filter(None, (report.convention, report.mfu_source)))
        hfu = "" if report.hfu is None else f"   HFU {report.hfu:.1%}"
        console.print(f"[bold]MFU {report.mfu:.1%}[/bold]{hfu} ({how})")
    elif report.mfu_by_arithmetic is not None:
        console.print(f"[bold red]no MFU[/bold red]: {report.mfu_by_arithmetic:.1%} comes out, but see below")
    if report.findings and report.findings[0].severity == "error":
        console.print(f"[red]{report.findings[0].code}[/red] {escape(report.findings[0].message)}")
    console.print(_rates(report))
    if report.phases:
        console.print(_phases(report))
    for group in report.device_groups:
        counted = f"{group.devices} " if group.devices else ""
        console.print(f"idle: {counted}{group.name} {group.idle_share:.1%} of a step ({group.how})")
    if len(report.segments) > 1:
        console.print(_segments(report))
    if report.goodput:
        console.print(_goodput(report), style="dim")
    if report.remaining_tokens is not None:
        console.print(_remaining(report))
    first_said = bool(report.findings) and report.findings[0].severity == "error"
    for finding in report.findings[1:] if first_said else report.findings:
        colour = _COLOURS[finding.severity]
        console.print(f"[{colour}]{finding.code}[/{colour}] {escape(finding.message)}")
    said = {f.message for f in report.findings}
    for warning in report.warnings:
        if warning not in said:
            console.print(f"[dim]{escape(warning)}[/dim]")


def _window(report: LogReport) -> str:
    window = report.window
    if not window.records:
        return "window: the whole run"
    steps = "" if window.first_step is None else f" (steps {window.first_step:,.0f} – {window.last_step:,.0f})"
    dropped = "; ".join(f"{n} {reason}" for reason, n in window.dropped.items())
    copies = f"; {report.copies:,} lines of other ranks" if report.copies else ""
    return f"window: {window.records:,} records{steps}; dropped: {dropped or 'none'}{copies}"


def _rates(report: LogReport) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column(style="dim")
    rows = (
        ("step time", report.step_time_s, "step_time_s", "s"),
        ("tokens/s", report.tokens_per_s, "tokens_per_s", ""),
        ("tokens/s per device", report.tokens_per_s_per_device, "tokens_per_s_per_device", ""),
        ("samples/s", report.samples_per_s, "samples_per_s", ""),
        ("tokens per step", report.tokens_per_step, "tokens_per_step", ""),
        ("global batch", report.global_batch, "global_batch", "sequences"),
        ("sequence length", report.seq_len, "seq_len", "tokens"),
        ("devices", report.devices, "devices", ""),
    )
    for name, value, field, unit in rows:
        if value is not None:
            table.add_row(name, f"{_digits(value)} {unit}".rstrip(), report.origins.get(field, ""))
    reported = report.reported
    if reported.tflops_per_device is not None:
        table.add_row("TFLOP/s per device", f"{reported.tflops_per_device:.4g}", "the log's own count")
    if reported.mfu is not None and report.mfu_source != "as the log reports it":
        table.add_row("MFU in the log", f"{reported.mfu:.2%}", "the log's own claim")
    if report.implied_peak is not None:
        names = ", ".join(report.implied_peak.matches[:3]) or "no known device"
        table.add_row("peak it divides by", f"{report.implied_peak.flops_per_s / 1e12:.4g} TFLOP/s", names)
    if report.data_wait_share is not None:
        table.add_row("waiting for data", f"{report.data_wait_share:.1%}", "of a step")
    for name, seconds in report.parts_s.items():
        table.add_row(f"  {name}", f"{_digits(seconds)} s", "stated")
    return table


def _phases(report: LogReport) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("phase", "s a step", "share", "MFU", f"by {report.format}'s convention", "in the log"):
        table.add_column(name, justify="left" if name == "phase" else "right")
    for phase in report.phases:
        said = (phase.share, phase.mfu, phase.own_convention_mfu, phase.reported_mfu)
        shares = (f"{v:.1%}" if v is not None else "–" for v in said)
        table.add_row(phase.name, _digits(phase.seconds_per_step), *shares)
    return table


def _segments(report: LogReport) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("steps", "s a step", "tokens/s", "devices", "begins with"):
        table.add_column(name, justify="right")
    for part in report.segments:
        span = "" if part.first_step is None else f"{part.first_step:,.0f} – {part.last_step:,.0f}"
        shown = ("–" if v is None else _digits(v) for v in (part.step_time_s, part.tokens_per_s, part.devices))
        table.add_row(span, *shown, part.why)
    return table


def _goodput(report: LogReport) -> str:
    total = sum(report.goodput.values())
    parts = ", ".join(f"{cause} {seconds / total:.1%}" for cause, seconds in report.goodput.items() if seconds)
    return f"wall clock {total:,.0f} s: {parts}"


def _remaining(report: LogReport) -> str:
    parts = [f"{report.remaining_tokens:,.0f} tokens to go"]
    if report.remaining_s is not None:
        parts.append(
            f"{report.remaining_s / DAY:.2f} days"
            if report.remaining_s >= DAY
            else f"{report.remaining_s / HOUR:.2f} h"
        )
    if report.remaining_device_hours is not None:
        parts.append(f"{report.remaining_device_hours:,.0f} device-hours")
    if report.remaining_cost_usd is not None:
        parts.append(f"${report.remaining_cost_usd:,.0f}")
    return "[bold]remaining[/bold]: " + ", ".join(parts)


def _digits(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.5g}"
