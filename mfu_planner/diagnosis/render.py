"""A diagnosis for people: the answer first, then the gap, the causes, the actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfu_planner.answers.verdict import PLACES
from mfu_planner.report.explained import render_explanation
from mfu_planner.report.human import grid, percent, print_warnings
from mfu_planner.report.measure import judged_by

if TYPE_CHECKING:
    from rich.console import Console

    from mfu_planner.diagnosis.result import Action, Combined, Diagnosis

_ACTIONS = 8
_BAR = 24


def render(found: Diagnosis, console: Console) -> None:
    """Draw it."""
    console.print(f"[bold]{found.answer}[/bold]")
    _head(found, console)
    _gap(found, console)
    _causes(found, console)
    _actions(found, console)
    if found.deciding_measurement is not None:
        a, b = found.deciding_measurement.between
        console.print(
            f"\n[bold]What decides between {a} and {b}[/bold]\n  {found.deciding_measurement.measurement}",
            highlight=False,
        )
    if found.not_known:
        console.print("\n[bold]What would sharpen this[/bold]")
        for line in found.not_known:
            console.print(f"  {line}", markup=False)
    if found.assumptions:
        console.print("\n[dim]Assumed:[/dim]")
        for line in found.assumptions:
            console.print(f"  {line}", style="dim", markup=False)
    print_warnings(console, found.warnings)
    render_explanation(found, console)


def _head(found: Diagnosis, console: Console) -> None:
    said = [f"MFU {percent(found.mfu)}"] if found.mfu is not None else []
    if found.goodput is not None:
        said.append(f"goodput {percent(found.goodput)}")
    if found.predicted_mfu is not None:
        said.append(f"the step-time model expects {percent(found.predicted_mfu)} of these settings")
    if found.verdict is not None:
        v = found.verdict
        said.append(f"{PLACES[v.place]}{judged_by(v).removesuffix('.')}; by the rule of thumb {v.grade}")
    if found.gap_cost_usd_per_day:
        whole = ""
        if found.gap_device_hours:
            money = "" if found.gap_cost_usd is None else f", ${found.gap_cost_usd:,.0f}"
            whole = f", {found.gap_device_hours:,.0f} device-hours of the run{money}"
        said.append(f"the gap to the typical one costs ${found.gap_cost_usd_per_day:,.0f} a day{whole}")
    if said:
        console.print("; ".join(said), markup=False)


def _gap(found: Diagnosis, console: Console) -> None:
    if not found.waterfall:
        return
    useful = 1 - sum(g.share for g in found.gap)
    start = "model FLOPs (MFU)" if found.mfu is not None else "products and attention (a model would split them)"
    rows = [(start, percent(useful), _bar(useful), "")]
    rows += [(g.name, percent(g.share), _bar(g.share), g.basis) for g in found.waterfall if abs(g.share) >= 0.0005]
    console.print()
    console.print(grid(("Where the time goes", "share", "", "basis"), rows))


def _bar(share: float) -> str:
    return "█" * round(_BAR * max(min(share, 1.0), 0.0))


def _causes(found: Diagnosis, console: Console) -> None:
    from rich.markup import escape

    console.print("[bold]Findings[/bold]")
    for finding in found.findings:
        colour = {"error": "red", "warning": "yellow"}.get(finding.severity, "dim")
        sure = f" [dim](confidence {finding.confidence})[/dim]" if finding.confidence else ""
        console.print(f"  [{colour}]{finding.code}[/{colour}] {escape(finding.message)}{sure}")
        if finding.page:
            console.print(f"      {finding.page}", style="dim", markup=False)


_HEADINGS = {
    "measure": "What to measure first",
    "fix": "What to change, largest gain first",
    "apart": "What does not fit, needs other hardware or changes the experiment",
}


def _actions(found: Diagnosis, console: Console) -> None:
    if not found.actions:
        return
    heading = ""
    for number, action in enumerate(found.actions[:_ACTIONS], 1):
        under = "apart" if action.kind not in _HEADINGS or action.fits is False else action.kind
        if under != heading:
            heading = under
            console.print(f"\n[bold]{_HEADINGS[under]}[/bold]")
        _action(number, action, console)
    if len(found.actions) > _ACTIONS:
        console.print(f"  and {len(found.actions) - _ACTIONS} more with --json", style="dim")
    if found.combined is not None:
        _combined(found.combined, console)
    if found.stacked is not None and len(found.stacked.changes) > 1:
        after = "" if found.stacked.predicted_mfu is None else f", MFU {percent(found.stacked.predicted_mfu)}"
        console.print(f"The best {len(found.stacked.changes)} together: {found.stacked.gain:+.1%}{after}", markup=False)


def _action(number: int, action: Action, console: Console) -> None:
    """One line of what to do, one of what it takes and saves."""
    if action.kind == "measure":
        console.print(f"{number:>3}  {action.change}", markup=False)
        console.print(f"           up to {action.speedup:.2f} times the speed hangs on it", style="dim", markup=False)
        return
    after = "" if action.predicted_mfu is None else f" → MFU {percent(action.predicted_mfu)}"
    low, high = action.predicted_mfu_low, action.predicted_mfu_high
    if low is not None and high is not None and high > low:
        after += f" ({percent(low)} to {percent(high)})"
    if action.predicted_mfu_own_peak is not None:
        after += f" ({percent(action.predicted_mfu_own_peak)} of the new format's peak)"
    console.print(f"{number:>3} {action.gain:>+7.1%}{after}  {action.change}", markup=False)
    said = [f"{action.effort} effort", action.basis]
    if action.saves_usd_per_day:
        of_run = f", {action.saves_device_hours:,.0f} device-hours of the run" if action.saves_device_hours else ""
        said.append(f"saves ${action.saves_usd_per_day:,.0f} a day{of_run}")
    if action.kind != "fix":
        said.append(action.kind.replace("-", " "))
    if action.risk != "none known":
        said.append(f"risk: {action.risk}")
    console.print(f"           {'; '.join(said)}", style="dim", markup=False)


def _combined(found: Combined, console: Console) -> None:
    """What the chosen actions lead to together."""
    after = "" if found.predicted_mfu is None else f", MFU {percent(found.predicted_mfu)}"
    if found.low is not None and found.high is not None:
        after += f" ({percent(found.low)} to {percent(found.high)})"
    if found.fits is False:
        after += "; does not fit the device's memory"
    console.print(f"Applied together ({len(found.changes)}): {found.gain:+.1%}{after}", style="bold", markup=False)
    for change in found.changes:
        console.print(f"  + {change}", markup=False)
    for left in found.excluded:
        console.print(f"  - {left.change}: {left.because}", markup=False, style="dim")
