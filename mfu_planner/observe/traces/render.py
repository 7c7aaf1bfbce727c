"""A trace report for people."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from .report import TraceReport

_BAR = 30
_RANKS = 16
"""Ranks in the table; a late one is always among them."""
_SCAFFOLD = re.compile(r"^void |at::native::|\(anonymous namespace\)::")
"""Parts of kernel names that are the same everywhere."""


def render(report: TraceReport, console: Console) -> None:
    """Draw the report: headline, where the time went, idle causes, steps, kernels, ranks, findings."""
    console.print(f"[bold]{_title(report)}[/bold]")
    console.print(f"window: {report.window}, {_time(report.window_s)}; {report.events:,} events")
    if report.mfu is not None and report.step_time_s is not None:
        console.print(f"[bold]MFU {report.mfu:.1%}[/bold] ({report.convention}), {_time(report.step_time_s)} per step")
    console.print(_overview(report))
    if report.idle_s > 0:
        console.print(_shares("Idle, by cause", report.idle, report.window_s))
    console.print(_shares("Every moment charged once (computation first)", report.breakdown, report.window_s))
    if report.waterfall:
        console.print(_waterfall(report))
    if report.steps:
        console.print(_steps(report))
    console.print(_kernels(report, console))
    if len(report.ranks) > 1:
        console.print(_ranks(report))
    for finding in report.findings:
        colour = "yellow" if finding.severity == "warning" else "dim"
        console.print(f"[{colour}]{finding.code}[/{colour}] {_plain(finding.message)}")
    for warning in report.warnings:
        console.print(f"[dim]warning: {_plain(warning)}[/dim]")


def _title(report: TraceReport) -> str:
    device = report.device or "device not stated"
    world = f" × {report.world_size}" if report.world_size else ""
    read = f", {len(report.ranks)} traced" if len(report.ranks) > 1 else ""
    return _plain(f"{device}{world}{read}")


def _table(title: str, *columns: str) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", overflow="ellipsis", no_wrap=True)
    return table


def _overview(report: TraceReport) -> Table:
    table = _table("Where the time went", "", "time", "share")
    rows = [
        ("busy", report.busy_s),
        ("  computation", report.compute_s),
        ("  communication", report.communication_s),
        ("    exposed", report.exposed_communication_s),
        ("  copies, exposed", report.exposed_memory_s),
        ("idle", report.idle_s),
    ]
    for name, seconds in rows:
        table.add_row(name, _time(seconds), _share(seconds, report.window_s))
    if report.overlap is not None:
        table.add_row("communication hidden", "", f"{report.overlap:.1%}")
    return table


def _shares(title: str, parts: dict[str, float], whole: float) -> Table:
    table = _table(title, "", "time", "share", "")
    table.columns[3].justify = "left"
    for name, seconds in parts.items():
        if seconds > 0:
            bar = "█" * round(_BAR * seconds / whole) if whole else ""
            table.add_row(name.replace("_", " "), _time(seconds), _share(seconds, whole), bar)
    return table


def _waterfall(report: TraceReport) -> Table:
    table = _table("The mean step, from its ideal time", "", "time", "share")
    for part in report.waterfall:
        if part.seconds:
            table.add_row(part.name, _time(part.seconds), f"{part.share:.1%}")
    return table


def _steps(report: TraceReport) -> Table:
    table = _table("Profiler steps (host clock)", "step", "time", "busy", "compute", "exposed comm.", "idle")
    for step in report.steps[:20]:
        parts = (step.busy_s, step.compute_s, step.exposed_communication_s, step.idle_s)
        rank = f" (rank {step.rank})" if len(report.ranks) > 1 and step.rank is not None else ""
        table.add_row(f"{step.step}{rank}", _time(step.seconds), *(_share(part, step.seconds) for part in parts))
    if len(report.steps) > 20:
        table.add_row(f"… {len(report.steps) - 20} more")
    return table


def _kernels(report: TraceReport, console: Console) -> Table:
    table = _table("Longest kernels of each class", "class", "time", "share", "count", "name")
    table.columns[4].justify = "left"
    order = dict.fromkeys(k.kind for k in report.kernels)
    for kind in order:
        for kernel in (k for k in report.kernels if k.kind == kind):
            name = _SCAFFOLD.sub("", kernel.name)[: max(20, console.width - 48)]
            table.add_row(
                kind, _time(kernel.seconds), f"{kernel.share_of_window:.1%}", f"{kernel.count:,}", _plain(name)
            )
    return table


def _ranks(report: TraceReport) -> Table:
    table = _table("Ranks", "rank", "window", "busy", "compute", "communication", "exposed", "idle", "waits")
    waits = report.straggler.waits_s if report.straggler else {}
    late = report.late_rank
    shown = [r for i, r in enumerate(report.ranks) if i < _RANKS or (late is not None and late in (r.rank, r.file))]
    for rank in shown:
        label = str(rank.rank) if rank.rank is not None else rank.file
        parts = (rank.busy_s, rank.compute_s, rank.communication_s, rank.exposed_communication_s, rank.idle_s)
        wait = _time(waits[label]) if label in waits else ""
        table.add_row(_plain(label), _time(rank.window_s), *(_share(part, rank.window_s) for part in parts), wait)
    if len(report.ranks) > len(shown):
        table.add_row(f"… {len(report.ranks) - len(shown):,} more")
    return table


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else "–"


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if abs(seconds) >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
