"""A measurement in the terminal: the number, whether it is good, whether it can be right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfu_planner.answers.verdict import PLACES
from mfu_planner.report.human import grid, percent, plain_table, print_steps, print_warnings, show

if TYPE_CHECKING:
    from rich.console import Console

    from mfu_planner.answers.measure import Measurement
    from mfu_planner.answers.verdict import Verdict


def render_measurement(m: Measurement, console: Console, *, explain: bool = False) -> None:
    """Print a measurement."""
    basis = "given" if "peak" in m.inputs else f"{m.peak_dtype}, {'sparse' if m.sparse else 'dense'}"
    counted = f"{m.convention} convention" if m.convention else "as counted by whoever states the FLOP/s"
    rows = [
        ("MFU", _mfu(m, counted)),
        ("HFU", _hfu(m)),
        ("achieved", f"{show(m.achieved_flops_per_s_per_device, 'flop_per_s')} per device"),
        ("peak", f"{show(m.peak_flops_per_s, 'flop_per_s')} per device ({basis})"),
    ]
    if m.tokens_per_s_per_device is not None:
        rows.append(
            (
                f"{m.work_unit}s/s",
                f"{m.tokens_per_s_per_device:,.1f} per device"
                + ("" if m.tokens_per_s is None else f", {m.tokens_per_s:,.0f} in all"),
            )
        )
    if m.flops_per_token is not None:
        rows.append(("work", f"{show(m.flops_per_token, 'flop')} per {m.work_unit}"))
    console.print(plain_table(rows))
    if m.verdict is not None:
        _print_verdict(m.verdict, console)
    if m.gap_cost_usd_per_day:
        console.print(f"The gap to the typical one costs {gap_money(m)}.", markup=False)
    _print_findings(m, console)
    if len(_conventions(m)) > 1:
        console.print(
            grid(("convention", "MFU", "difference"), _conventions(m), title="The same run under each convention")
        )
    print_warnings(console, m.warnings)
    if explain:
        print_steps(console, m.steps, m.sources)


def _mfu(m: Measurement, counted: str) -> str:
    if any(finding.severity == "error" for finding in m.findings):
        return f"none that can be: {percent(m.mfu, 2)} by arithmetic  ({counted})"
    return f"[bold]{percent(m.mfu, 2)}[/bold]  ({counted})"


def _hfu(m: Measurement) -> str:
    if m.hfu is not None:
        return percent(m.hfu, 2) + (" by arithmetic" if m.hfu > 1 else "")
    if m.flops_per_token is None:
        return "–  (needs the model)"
    return "–" if "recompute" in m.inputs else "–  (say --recompute none, selective or full)"


def _print_verdict(v: Verdict, console: Console) -> None:
    console.print(f"\n[bold]{PLACES[v.place].capitalize()}[/bold]{judged_by(v)}")
    console.print(f"By the rule of thumb: {v.grade} ({v.meaning}).")


def judged_by(v: Verdict) -> str:
    """The similar runs, behind the words that say where a figure stands among them."""
    if v.similar_typical is None:
        return "."
    return (
        f": {v.similar_runs} reached {percent(v.similar_low)} to {percent(v.similar_high)}, typically "
        f"{percent(v.similar_typical)} ({v.similar_basis})."
    )


def gap_money(m: Measurement) -> str:
    """What the gap to the typical MFU costs: a day, and of the whole run where its length is known."""
    said = f"{show(m.gap_cost_usd_per_day, 'usd')} a day"
    if not m.gap_device_hours:
        return said
    money = "" if m.gap_cost_usd is None else f" ({show(m.gap_cost_usd, 'usd')})"
    return f"{said}, {m.gap_device_hours:,.0f} device-hours of the run{money}"


def _print_findings(m: Measurement, console: Console) -> None:
    for finding in m.findings:
        colour = {"error": "red", "warning": "yellow"}.get(finding.severity, "cyan")
        then = "" if finding.mfu_if_so is None else f" → MFU {percent(finding.mfu_if_so)}"
        console.print(f"[{colour}]{finding.code}[/{colour}] {finding.message}{then}")


def _conventions(m: Measurement) -> list[tuple[str, str, str]]:
    """Those that say something of the model."""
    said = {name: value for name, value in m.by_convention.items() if value is not None}
    return [(name, percent(value, 2), f"{100 * (value / m.mfu - 1):+.1f}%") for name, value in said.items()]
